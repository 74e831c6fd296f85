import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** While closing, how often connections that have become idle are closed, in milliseconds. */
const sweepInterval = 25
/**
 * How long callers with a kept-alive connection have to send one more request and learn from its answer that the
 * connection ends (RFC 9112, section 9.6), in milliseconds. Closed at once, a request on its way would be lost.
 */
const farewell = 500
/** While callers are still leaving, one after another, how many times as long they all have. */
const longestFarewell = 5
/**
 * How long a caller has to read an answer that is written in full, once the listener closes: from the end of the
 * farewell, or from when it is written if that is later, in milliseconds. One that never reads would hold up the close
 * for ever; the process has a deadline of its own (`shutdown.timeout`), which this leaves room for by default.
 */
const longestReading = 10_000
/** Beyond the cap this many connections are still taken on, to answer them 503 and to answer probes, in percent. */
const headroom = 25

export interface ConnectionsOptions {
  /** Instead of the 10 s that a caller has to read its answer when the listener closes, in milliseconds. */
  readonly longestReading?: number
}

/** The connections of one listener: how many there may be, and how they end. */
export class Connections {
  #max = 0
  readonly #server: Server
  readonly #longestReading: number
  /** As many as are ever open: the cap and the headroom. */
  #most = 0
  readonly #open = new Set<Socket>()
  readonly #beyond = new Set<Socket>()
  /** Those on which no head of a request has arrived in full, the oldest first. */
  readonly #unheard = new Set<Socket>()
  /** The answer, given or not, to the request that was handled last on a connection. */
  readonly #last = new WeakMap<Socket, ServerResponse>()
  /** While closing, when an answer was first found to be written and still on its way to the caller. */
  readonly #readSince = new WeakMap<ServerResponse, number>()
  readonly #leaveTakers: (() => void)[] = []
  #closing = false
  #emptied: (() => void) | undefined

  constructor(server: Server, max: number, options: ConnectionsOptions = {}) {
    this.#server = server
    this.#longestReading = options.longestReading ?? longestReading
    // Not Node's own `maxConnections`: it turns away the newest, and so whoever keeps silent would lock out the probes.
    this.limit(max)
    server.on('connection', (socket: Socket) => this.#opened(socket))
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#unheard.delete(socket)
      this.#last.set(socket, response)
    })
  }

  /** How many there may be; what is beyond is answered 503. */
  get max(): number {
    return this.#max
  }

  /** Changes how many there may be, from the next connection on: none that is open is closed for it. */
  limit(max: number): void {
    this.#max = max
    this.#most = max + Math.ceil((max * headroom) / 100)
  }

  /** Whether answers should announce that their connection ends. */
  get closing(): boolean {
    return this.#closing
  }

  /** Calls `fn` when the listener begins to close: whoever is kept waiting by it must go on now. */
  onClosing(fn: () => void): void {
    this.#leaveTakers.push(fn)
  }

  isBeyond(socket: Socket): boolean {
    return this.#beyond.size > 0 && this.#beyond.has(socket)
  }

  /** The answer, given or not, to the request that was handled last on a connection. */
  lastOn(socket: Socket): ServerResponse | undefined {
    return this.#last.get(socket)
  }

  /**
   * Before the server closes: lets callers finish and leave. From then on until the server has closed, connections are
   * closed as they become idle; Node does that only once, and would wait for the others until their keep-alive ends.
   */
  async close(): Promise<void> {
    this.#closing = true
    for (const takeLeave of this.#leaveTakers) takeLeave()
    if (!this.#server.listening) return
    const received = new Map<Socket, number>()
    for (const socket of this.#open) received.set(socket, socket.bytesRead)
    await this.#partings()
    // Node calls this as it closes, and would cut an answer that is written but still on its way to the caller.
    this.#server.closeIdleConnections = () => {}
    const lastCall = performance.now() + farewell
    const sweep = setInterval(() => {
      setImmediate(() => this.#sweep(received, performance.now() >= lastCall))
    }, sweepInterval)
    this.#server.once('close', () => clearInterval(sweep))
  }

  #opened(socket: Socket): void {
    // Without a word: even a refusal costs memory.
    if (this.#open.size >= this.#most && !this.#makeRoom()) {
      socket.destroy()
      return
    }
    this.#open.add(socket)
    this.#unheard.add(socket)
    if (this.#open.size > this.max) this.#beyond.add(socket)
    socket.once('close', () => {
      this.#forget(socket)
      if (this.#open.size === 0) this.#emptied?.()
    })
  }

  /** Ends the connection that has kept its request to itself for longest; says whether there was one. */
  #makeRoom(): boolean {
    const [oldest] = this.#unheard
    if (oldest === undefined) return false
    // Its event comes a turn later; until then it would count, and the next one to come would cost another.
    this.#forget(oldest)
    oldest.destroy()
    return true
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket)
    this.#beyond.delete(socket)
    this.#unheard.delete(socket)
  }

  /** Resolves when those who were connected have left, or when for a while none of them did. */
  async #partings(): Promise<void> {
    const connected = [...this.#open]
    const isStaying = (socket: Socket): boolean => this.#open.has(socket) && !socket.writableEnded
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
    if (this.#open.size === 0) return
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
    for (const socket of this.#open) {
      const last = this.#last.get(socket)
      if (last?.writableEnded && !last.writableFinished) {
        if (this.#hasReadTooLong(last)) socket.destroy()
      } else if (last?.writableFinished && last.req.complete && socket.bytesRead === received.get(socket)) {
        socket.destroy()
      } else if (unasked && (last === undefined || last.writableFinished || !last.req.complete)) {
        // With bytes that came after its last request, it may have been in the middle of the next.
        socket.destroy()
      }
    }
  }

  #hasReadTooLong(answer: ServerResponse): boolean {
    const now = performance.now()
    const since = this.#readSince.get(answer)
    if (since === undefined) this.#readSince.set(answer, now)
    return since !== undefined && now - since >= this.#longestReading
  }
}
