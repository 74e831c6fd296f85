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
/** Beyond the cap this many connections are still taken on, to answer them 503 and to answer probes, in percent. */
const headroom = 25

/** The connections of one listener: how many there may be, and how they end. */
export class Connections {
  readonly max: number
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #beyond = new Set<Socket>()
  /** The answer, given or not, to the request that was begun last on a connection. */
  readonly #last = new WeakMap<Socket, ServerResponse>()
  #closing = false
  #emptied: (() => void) | undefined

  constructor(server: Server, max: number) {
    this.#server = server
    this.max = max
    // Further ones are dropped by Node without a word: even a refusal costs memory.
    server.maxConnections = max + Math.ceil((max * headroom) / 100)
    server.on('connection', (socket: Socket) => this.#opened(socket))
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#last.set(socket, response)
    })
  }

  /** Whether answers should announce that their connection ends. */
  get closing(): boolean {
    return this.#closing
  }

  isBeyond(socket: Socket): boolean {
    return this.#beyond.size > 0 && this.#beyond.has(socket)
  }

  /**
   * Before the server closes: lets callers finish and leave. From then on until the server has closed, connections are
   * closed as they become idle; Node does that only once, and would wait for the others until their keep-alive ends.
   */
  async close(): Promise<void> {
    this.#closing = true
    if (!this.#server.listening) return
    await this.#partings()
    const sweep = setInterval(() => {
      setImmediate(() => this.#server.closeIdleConnections())
    }, sweepInterval)
    // Node takes a connection that never sent anything, or half a request, for busy, and looks at no timeout any more.
    const unasked = setTimeout(() => this.#destroyUnasked(), farewell)
    this.#server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(unasked)
    })
  }

  #opened(socket: Socket): void {
    this.#open.add(socket)
    if (this.#open.size > this.max) this.#beyond.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#beyond.delete(socket)
      if (this.#open.size === 0) this.#emptied?.()
    })
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

  /** Leaves only connections with a request that has arrived in full and is not answered yet. */
  #destroyUnasked(): void {
    for (const socket of this.#open) {
      const last = this.#last.get(socket)
      if (last === undefined || last.writableFinished || !last.req.complete) socket.destroy()
    }
  }
}
