/** Clients that ask at a pace, whatever they are answered: more than a limit allows, and less than the machine can do. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Client } from './client.ts'

const connections = 32
/** Milliseconds between two looks at what is due. */
const tick = 5

/** An answer and its moments, in milliseconds: the limit has ruled at one between the two. */
export interface Timed {
  readonly status: number
  readonly asked: number
  readonly answered: number
}

export class Load {
  readonly answers: Timed[] = []
  /** Connections that ended without an answer. */
  broken = 0
  #passed = 0
  readonly #path: string
  readonly #perMs: number
  readonly #free: Client[]
  readonly #loop = monitorEventLoopDelay({ resolution: 1 })
  readonly #waiting = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #looked = performance.now()
  #due = 0

  private constructor(clients: Client[], path: string, perSecond: number) {
    this.#free = clients
    this.#path = path
    this.#perMs = perSecond / 1_000
    this.#loop.enable()
    this.#timer = setInterval(() => this.#askWhatIsDue(), tick)
  }

  static async start(port: number, path: string, perSecond: number): Promise<Load> {
    const clients = await Promise.all(Array.from({ length: connections }, () => Client.open(port)))
    return new Load(clients, path, perSecond)
  }

  /** What this process itself was late by at the most, in milliseconds. */
  get ownDelayMs(): number {
    return this.#loop.max / 1e6
  }

  get passed(): number {
    return this.#passed
  }

  /** Milliseconds that an answer took. */
  get slowestMs(): number {
    return this.answers.reduce((most, { asked, answered }) => Math.max(most, answered - asked), 0)
  }

  /** Asks no more, and waits for what has been asked. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#waiting)
    this.#loop.disable()
    for (const client of this.#free) client.close()
  }

  #askWhatIsDue(): void {
    const now = performance.now()
    // What cannot be asked now is not asked later: the pace is what the limits are held against.
    this.#due = Math.min(this.#due + (now - this.#looked) * this.#perMs, this.#free.length)
    this.#looked = now
    for (; this.#due >= 1; this.#due -= 1) {
      const client = this.#free.pop()
      if (client === undefined) return
      const waiting = this.#ask(client).finally(() => this.#waiting.delete(waiting))
      this.#waiting.add(waiting)
    }
  }

  async #ask(client: Client): Promise<void> {
    const asked = performance.now()
    const answer = await client.ask(this.#path)
    if (answer === undefined) {
      this.broken += 1
      return
    }
    this.#free.push(client)
    this.answers.push({ status: answer.status, asked, answered: performance.now() })
    if (hasPassed(answer)) this.#passed += 1
  }
}

export const hasPassed = ({ status }: { readonly status: number }): boolean => status === 200
export const isRefused = ({ status }: { readonly status: number }): boolean => status === 429

/** Only what was let through, or refused by a limit. */
export function isClean({ answers, broken }: Load): boolean {
  return broken === 0 && answers.every((answer) => hasPassed(answer) || isRefused(answer))
}

export function shown({ answers, broken }: Load): string {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return JSON.stringify({ ...Object.fromEntries(counts), broken })
}
