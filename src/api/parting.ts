import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Connection } from './crowd.ts'

/** While closing, how often connections that have become idle are closed, in milliseconds. */
const sweepInterval = 25
/**
 * How long callers with a kept-alive connection have to send one more request and learn from its answer that the
 * connection ends (RFC 9112, section 9.6), in milliseconds. Closed at once, a request on its way would be lost.
 */
const farewell = 500
/** While callers are still leaving, one after another, how many times as long they all have. */
const longestFarewell = 5

export interface PartingDeps {
  readonly server: Server
  /** Those that are open, as they come and go. */
  readonly open: ReadonlySet<Connection>
  /**
   * How long a caller has to read an answer that is written in full: from the end of the farewell, or from when it is
   * written if that is later, in milliseconds.
   */
  readonly longestReading: number
  /** Ends a connection at once. */
  readonly cut: (connection: Connection) => void
}

/** How the connections of a listener end when it closes: callers may finish and leave. */
export class Parting {
  readonly #deps: PartingDeps
  /** When an answer was first found to be written and still on its way to the caller. */
  readonly #readSince = new WeakMap<ServerResponse, number>()
  #emptied: (() => void) | undefined

  constructor(deps: PartingDeps) {
    this.#deps = deps
  }

  /** The last connection has ended. */
  emptied(): void {
    this.#emptied?.()
  }

  /**
   * Resolves when the server may close. From then on until it has closed, connections are closed as they become idle; Node
   * does that only once, and would wait for the others until their keep-alive ends.
   */
  async begin(): Promise<void> {
    const { server, open } = this.#deps
    const received = new Map<Socket, number>()
    for (const { stream } of open) received.set(stream, stream.bytesRead)
    await this.#partings()
    // Node calls this as it closes, and would cut an answer that is written but still on its way to the caller.
    server.closeIdleConnections = () => {}
    const lastCall = performance.now() + farewell
    const sweep = setInterval(() => {
      setImmediate(() => this.#sweep(received, performance.now() >= lastCall))
    }, sweepInterval)
    server.once('close', () => clearInterval(sweep))
  }

  /** Resolves when those who were connected have left, or when for a while none of them did. */
  async #partings(): Promise<void> {
    const { open } = this.#deps
    const connected = [...open]
    const isStaying = (connection: Connection): boolean =>
      open.has(connection) && !connection.stream.writableEnded
    const staying = (): number => connected.filter(isStaying).length
    let before: number
    let rounds = 0
    do {
      before = staying()
      await this.#quiet(farewell)
      // Timers run before what has arrived is read: without another turn of the event loop, a connection whose
      // request waits to be read would pass for idle, and on a busy machine that is most of them.
      await nextTurn()
      rounds += 1
    } while (staying() > 0 && staying() < before && rounds < longestFarewell)
  }

  /** Resolves when no connection is open, or after `ms`. */
  async #quiet(ms: number): Promise<void> {
    if (this.#deps.open.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#emptied = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /**
   * Closes the connections whose callers have all that they asked for.
   *
   * @param received how many bytes had arrived on each connection when the close began
   * @param unasked whether to close those too on which a request has arrived in part or not at all: Node takes them for
   * busy, and looks at no timeout any more
   */
  #sweep(received: ReadonlyMap<Socket, number>, unasked: boolean): void {
    for (const connection of this.#deps.open) {
      const { stream, answer } = connection
      if (answer?.writableEnded && !answer.writableFinished) {
        if (this.#hasReadTooLong(answer)) this.#deps.cut(connection)
      } else if (
        answer?.writableFinished &&
        answer.req.complete &&
        stream.bytesRead === received.get(stream)
      ) {
        this.#deps.cut(connection)
      } else if (unasked && (answer === undefined || answer.writableFinished || !answer.req.complete)) {
        // With bytes that came after its last request, it may have been in the middle of the next.
        this.#deps.cut(connection)
      }
    }
  }

  #hasReadTooLong(answer: ServerResponse): boolean {
    const now = performance.now()
    const since = this.#readSince.get(answer)
    if (since === undefined) this.#readSince.set(answer, now)
    return since !== undefined && now - since >= this.#deps.longestReading
  }
}
