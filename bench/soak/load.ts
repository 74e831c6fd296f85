/** The mixed load: so many questions a second of all kinds, and beside them those who wait, leave and stall. */
import { setTimeout as pause } from 'node:timers/promises'
import { commands } from './commands.ts'
import type { Features } from './contract.ts'
import { proxied } from './proxied.ts'
import { reads, waitForChange } from './reads.ts'
import { hoard, leave, readLate, sip, stall } from './rude.ts'
import type { Kind, Scene } from './scene.ts'
import { follow, ignore } from './streams.ts'

export interface LoadOptions {
  readonly scene: Omit<Scene, 'over'>
  readonly features: Features
  /** Questions a second, those aside that take long. */
  readonly rate: number
}

/** How many callers ask at the same time; each waits for its answer before it asks again. */
const callers = 12

/** What takes long: each so many at a time, with a pause between two in milliseconds. */
interface Standing {
  readonly name: string
  readonly atOnce: number
  readonly pauseMs: number
  run(scene: Scene): Promise<void>
}

export class Load {
  readonly #options: LoadOptions
  readonly #ended = new AbortController()
  readonly #scene: Scene
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: LoadOptions) {
    this.#options = options
    this.#scene = { ...options.scene, over: this.#ended.signal }
  }

  start(): void {
    const { features } = this.#options
    const kinds = [...reads, ...commands(features), proxied]
    const standing = standingOf(features)
    this.#running = Promise.all([
      ...Array.from({ length: callers }, () => this.#askAgainAndAgain(kinds)),
      ...standing.flatMap((one) => Array.from({ length: one.atOnce }, () => this.#keepUp(one))),
    ])
  }

  /** Resolves when the last question is answered. */
  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }

  async #askAgainAndAgain(kinds: readonly Kind[]): Promise<void> {
    const scene = this.#scene
    const betweenMs = (callers / this.#options.rate) * 1_000
    // Not all at the same moment.
    let next = performance.now() + scene.dice.between(0, betweenMs)
    while (await this.#wait(next - performance.now())) {
      const kind = scene.dice.weighted(kinds)
      await this.#attempt(kind.name, () => kind.run(scene))
      next = Math.max(next + scene.dice.between(0, 2 * betweenMs), performance.now())
    }
  }

  async #keepUp({ name, pauseMs, run }: Standing): Promise<void> {
    while (await this.#wait(this.#scene.dice.between(0, 2 * pauseMs))) {
      await this.#attempt(name, () => run(this.#scene))
    }
  }

  async #attempt(name: string, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const words = wordsOf(error)
      const { phase, tally, judges } = this.#scene
      if (phase.stopping) tally.count(name, 'cut off by the stop')
      else judges.findings.add('a question without an answer', `${name}: ${words}`)
    }
  }

  async #wait(ms: number): Promise<boolean> {
    const { signal } = this.#ended
    await pause(Math.max(0, ms), undefined, { signal }).catch(() => {})
    return !signal.aborted
  }
}

/** What went wrong on a connection, in short; of several attempts to connect, the first. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return wordsOf(error.errors[0])
  if (!(error instanceof Error)) return 'an error'
  return 'code' in error ? String(error.code) : error.message
}

function standingOf({ wait, events }: Features): readonly Standing[] {
  return [
    { name: 'leave mid-answer', atOnce: 2, pauseMs: 400, run: leave },
    { name: 'half-open', atOnce: 3, pauseMs: 500, run: stall },
    { name: 'ask and never read', atOnce: 1, pauseMs: 500, run: hoard },
    { name: 'read late', atOnce: 1, pauseMs: 1_000, run: readLate },
    { name: 'read slowly', atOnce: 1, pauseMs: 1_000, run: sip },
    ...(wait ? [{ name: 'wait for a change', atOnce: 6, pauseMs: 200, run: waitForChange }] : []),
    ...(events
      ? [
          { name: 'event stream', atOnce: 3, pauseMs: 500, run: follow },
          { name: 'event stream, never read', atOnce: 1, pauseMs: 500, run: ignore },
        ]
      : []),
  ]
}
