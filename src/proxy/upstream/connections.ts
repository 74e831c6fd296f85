import { UpstreamConnection, type UpstreamConnectionOptions } from './connection.ts'

export interface UpstreamConnectionsOptions extends UpstreamConnectionOptions {
  /** Milliseconds after which one is not used again; undefined: for as long as it lasts. */
  readonly life: number | undefined
}

/** Dead places from which on it is worth to look for them. */
const leastForgotten = 16

/**
 * The connections to the application. There is no bound on their number: there are as many as requests under way, which
 * are bounded elsewhere. Undici's own `Pool` walks through all connections to find a free one, in the order of their age;
 * here the one that was used last is used next, which costs the same however many there are, and leaves those that are
 * not needed to end by themselves. And it tells which connection a request went by.
 */
export class UpstreamConnections {
  readonly #options: UpstreamConnectionsOptions
  readonly #all = new Set<UpstreamConnection>()
  /** The last one was used last. Some may have ended meanwhile. */
  #idle: UpstreamConnection[] = []
  /** How many of those have. */
  #ended = 0
  #isClosing = false
  #closed: PromiseWithResolvers<void> | undefined

  constructor(options: UpstreamConnectionsOptions) {
    this.#options = options
  }

  /** How many there are, used or not. */
  get size(): number {
    return this.#all.size
  }

  /** One that is free, or a new one. It is to be given back. */
  take(): UpstreamConnection {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined) return this.takeNew()
      connection.isIdle = false
      if (connection.isConnected) return connection
      this.#ended -= 1
      this.#forget(connection)
    }
  }

  /** One that nothing was sent on before. It is to be given back. */
  takeNew(): UpstreamConnection {
    const connection: UpstreamConnection = new UpstreamConnection(this.#options, () => this.#left(connection))
    this.#all.add(connection)
    return connection
  }

  giveBack(connection: UpstreamConnection): void {
    const { life } = this.#options
    if (this.#isClosing || !connection.isConnected || (life !== undefined && connection.age > life)) {
      this.#forget(connection)
    } else {
      connection.isIdle = true
      this.#idle.push(connection)
    }
  }

  /** Resolves when the requests under way are over, and nothing is left. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#closed ??= Promise.withResolvers()
    for (const connection of this.#idle.splice(0)) this.#forget(connection)
    this.#checkClosed()
    await this.#closed.promise
  }

  /** Cuts what is under way. */
  async destroy(): Promise<void> {
    this.#isClosing = true
    this.#idle = []
    await Promise.all([...this.#all].map((connection) => connection.destroy()))
    this.#all.clear()
    this.#closed?.resolve()
  }

  /** One has ended. Many may at once, when the load is over: they are not searched for one by one. */
  #left({ isIdle }: UpstreamConnection): void {
    if (!isIdle) return
    this.#ended += 1
    if (this.#ended < leastForgotten || this.#ended * 2 < this.#idle.length) return
    const ended = this.#idle.filter(({ isConnected }) => !isConnected)
    this.#idle = this.#idle.filter(({ isConnected }) => isConnected)
    this.#ended = 0
    for (const one of ended) this.#forget(one)
  }

  #forget(connection: UpstreamConnection): void {
    this.#all.delete(connection)
    // Not now: undici may be in the middle of the answer's end.
    queueMicrotask(() => void connection.destroy().catch(() => {}))
    this.#checkClosed()
  }

  #checkClosed(): void {
    if (this.#isClosing && this.#all.size === 0) this.#closed?.resolve()
  }
}
