/** Clients that ask at a pace, whatever they are answered: more than a limit allows, and less than the machine can do. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Client } from './client.ts'

const connections = 32
/** Milliseconds between two looks at what is due. */
const tick = 5

export class Load {
  /** Answers by their status. */
  readonly statuses = new Map<number, number>()
  /** Connections that ended without an answer. */
  broken = 0
  /** Milliseconds that an answer took. */
  slowestMs = 0
  /** When the first request was sent, and answered; when the last that was refused was sent; when the last that passed was answered. */
  readonly moments = { asked: 0, answered: 0, lastRefused: 0, lastPassed: 0 }
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
    return this.statuses.get(200) ?? 0
  }

  get answered(): number {
    return [...this.statuses.values()].reduce((sum, count) => sum + count, 0)
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
    const { moments } = this
    const asked = performance.now()
    moments.asked ||= asked
    const answer = await client.ask(this.#path)
    if (answer === undefined) {
      this.broken += 1
      return
    }
    this.#free.push(client)
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1)
    moments.answered ||= performance.now()
    if (answer.status === 200) moments.lastPassed = performance.now()
    else moments.lastRefused = Math.max(moments.lastRefused, asked)
    this.slowestMs = Math.max(this.slowestMs, answer.tookMs)
  }
}

/** Only what was let through, or refused by a limit. */
export function isClean({ statuses, broken }: Load): boolean {
  return broken === 0 && [...statuses.keys()].every((status) => status === 200 || status === 429)
}

export const shown = ({ statuses, broken }: Load): string =>
  JSON.stringify({ ...Object.fromEntries(statuses), broken })
