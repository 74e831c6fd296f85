import http from 'node:http'
import { setInterval } from 'node:timers/promises'
import { request } from '../../api/support/client.ts'
import type { World } from '../../api/support/world.ts'
import type { HttpAnswer } from '../../support/http-answer.ts'

const path = '/v1/secrets/db-password'
/** From one answer to the next request, in milliseconds. */
const pause = 5

export interface Experience {
  answers: number
  /** Whatever was no answer of 200. */
  readonly failures: string[]
  /** How long the slowest answer took, from the first try to connect, in milliseconds. */
  slowest: number
}

/** Callers who mean no harm, while somebody else does. */
export class Bystanders {
  readonly experiences = new Map<string, Experience>()
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  readonly #all: Promise<void>[]
  #isOver = false

  constructor(world: World) {
    const { port, opsPort } = world
    this.#all = [
      this.#go('new connections', () => world.get(path)),
      this.#go('a kept connection', () => world.get(path, { agent: this.#agent })),
      this.#go('probes', () => request(port, 'GET', '/livez')),
      this.#go('probes of ops', () => request(opsPort, 'GET', '/livez')),
    ]
  }

  /** How many answers whoever has got fewest has got. */
  get answers(): number {
    return Math.min(...[...this.experiences.values()].map(({ answers }) => answers))
  }

  /** Resolves when each has its last answer. */
  async end(): Promise<Map<string, Experience>> {
    this.#isOver = true
    await Promise.all(this.#all)
    this.#agent.destroy()
    return this.experiences
  }

  async #go(name: string, ask: () => Promise<HttpAnswer>): Promise<void> {
    const experience: Experience = { answers: 0, failures: [], slowest: 0 }
    this.experiences.set(name, experience)
    for await (const _ of setInterval(pause)) {
      if (this.#isOver) return
      const asked = performance.now()
      const outcome = await ask().then(
        ({ status }) => String(status),
        (error: Error) => error.message,
      )
      if (outcome !== '200') experience.failures.push(outcome)
      experience.answers += 1
      experience.slowest = Math.max(experience.slowest, performance.now() - asked)
    }
  }
}
