import type { buildConnector, Client, Dispatcher } from 'undici'

export interface UpstreamConnectionOptions {
  readonly makeClient: (connect: buildConnector.connector) => Client
  readonly connect: buildConnector.connector
  readonly now: () => number
}

/** A place for one connection to the application, with one request on it at a time; it connects when one comes. */
export class UpstreamConnection {
  readonly #client: Client
  readonly #now: () => number
  /** When it was connected, in milliseconds on the monotonic clock; undefined while it is not. */
  #connectedAt: number | undefined
  #answers = 0
  /** Whether it waits for its next request, among others. */
  isIdle = false

  #isBroken = false

  /**
   * @param makeClient with a connector that is to be used as it is
   * @param left called when the application, or time, has ended the connection
   */
  constructor({ makeClient, connect, now }: UpstreamConnectionOptions, left: () => void) {
    this.#now = now
    const client = makeClient((options, callback) => {
      connect(options, (...result) => {
        const [, socket] = result
        // Ahead of undici's own listener, which takes a reset for the end of an answer that has no other.
        socket?.once('error', () => {
          this.#isBroken = true
        })
        callback(...result)
      })
    })
    this.#client = client
    client.on('connect', () => {
      this.#connectedAt = this.#now()
      this.#isBroken = false
    })
    client.on('disconnect', () => {
      this.#connectedAt = undefined
      this.#answers = 0
      left()
    })
  }

  get isConnected(): boolean {
    return this.#connectedAt !== undefined
  }

  /**
   * Whether a request has been answered on it already: the application may end such a connection at any moment, just as
   * the next request is on its way.
   */
  get isReused(): boolean {
    return this.#answers > 0
  }

  /** Whether it has failed, rather than been ended in order. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Milliseconds since it was connected. */
  get age(): number {
    return this.#connectedAt === undefined ? 0 : this.#now() - this.#connectedAt
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler)
  }

  /** The request on it has been answered in full. */
  answered(): void {
    this.#answers += 1
  }

  /** Ends the connection; a request on it is cut. */
  async destroy(): Promise<void> {
    await this.#client.destroy()
  }
}
