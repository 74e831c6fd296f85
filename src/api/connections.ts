import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { acceptedSocket } from '../accepted-socket.ts'
import type { CutReason } from '../observability/connection-cells.ts'
import { type Clock, systemClock } from '../secrets/clock.ts'
import { Connection } from './crowd.ts'
import { Crowds } from './crowds.ts'
import { Parting } from './parting.ts'
import { longestRead, longestStall } from './reading-time.ts'

/**
 * How many connections are open beside those that may be worked for: to hear what newcomers want, to keep idle ones, and to
 * answer probes and refusals. In percent of them, and at the least as many as find time to ask in a flood.
 */
const headroom = { percent: 25, least: 64 }
/**
 * How long a caller has to read an answer that is written in full, once the listener closes, in milliseconds. One that
 * never reads would hold up the close for ever; the process has a deadline of its own (`shutdown.timeout`), which this
 * leaves room for by default.
 */
const longestReading = 10_000

export interface ConnectionsOptions {
  /** Bounds the time in which answers are read; the system's, unless told else. */
  readonly clock?: Clock
  /** Instead of the 10 s for which a caller may take nothing of its answer, in milliseconds. */
  readonly longestStall?: number
  /** Instead of the 10 s that a caller has to read its answer when the listener closes, in milliseconds. */
  readonly longestReading?: number
  /** Told of each connection that is cut while the listener does not close. */
  readonly wasCut?: (reason: CutReason) => void
}

/**
 * The connections of one listener: how many there may be, who gives way to whom, and how they end.
 *
 * `max` bounds those that are worked for; what is beyond is answered 503 (`isBeyond`). Some more are open, and there a
 * newcomer is always let in: where all places are taken, one gives way whose caller has nothing to do with us at the
 * moment, or keeps us waiting (`Crowds.yields`). So whoever floods the listener with connections on which nothing happens
 * locks nobody out.
 */
export class Connections {
  #max: number
  readonly #server: Server
  readonly #open = new Set<Connection>()
  /** By the socket that was accepted, and by that of TLS on it. */
  readonly #of = new WeakMap<Socket, Connection>()
  readonly #crowds: Crowds
  readonly #parting: Parting
  readonly #leaveTakers: (() => void)[] = []
  readonly #wasCut: (reason: CutReason) => void
  #closing = false

  constructor(server: Server, max: number, options: ConnectionsOptions = {}) {
    this.#max = max
    this.#server = server
    this.#wasCut = options.wasCut ?? (() => {})
    this.#crowds = new Crowds(
      {
        clock: options.clock ?? systemClock,
        longestStall: options.longestStall ?? longestStall,
        longestRead,
      },
      (connection) => this.#giveUp(connection, 'slow_reader'),
    )
    this.#parting = new Parting({
      server,
      open: this.#open,
      longestReading: options.longestReading ?? longestReading,
      cut: (connection) => this.#cut(connection),
    })
    // Not Node's own `maxConnections`: it turns away the newest, and so whoever keeps silent would lock out the probes.
    server.on('connection', (socket: Socket) => this.#opened(socket))
    server.on('secureConnection', (socket: Socket) => this.#secured(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.#of.get(request.socket)
      if (connection !== undefined) this.#crowds.handled(connection, request, response)
    })
  }

  /** How many may be worked for at once; what is beyond is answered 503. */
  get max(): number {
    return this.#max
  }

  /** Changes how many there may be, from the next request on: none that is open is closed for it. */
  limit(max: number): void {
    this.#max = max
  }

  /** Whether answers should announce that their connection ends. */
  get closing(): boolean {
    return this.#closing
  }

  /** Calls `fn` when the listener begins to close: whoever is kept waiting by it must go on now. */
  onClosing(fn: () => void): void {
    this.#leaveTakers.push(fn)
  }

  /** Whether as many others are worked for as may be. */
  isBeyond(socket: Socket): boolean {
    const { working } = this.#crowds
    if (working < this.#max) return false
    const connection = this.#of.get(socket)
    return working > this.#max || connection === undefined || !this.#crowds.isWorkedFor(connection)
  }

  /** The answer, given or not, to the request that was handled last on a connection. */
  lastOn(socket: Socket): ServerResponse | undefined {
    return this.#of.get(socket)?.answer
  }

  /** Before the server closes: lets callers finish and leave. */
  async close(): Promise<void> {
    this.#closing = true
    for (const takeLeave of this.#leaveTakers) takeLeave()
    if (this.#server.listening) await this.#parting.begin()
  }

  #opened(socket: Socket): void {
    const connection = new Connection(socket)
    this.#of.set(socket, connection)
    if (this.#open.size >= this.#places()) this.#makeRoom()
    this.#open.add(connection)
    this.#crowds.enter(connection)
    socket.once('close', () => this.#forget(connection))
  }

  /** What is worked for never gives way, and may be more than `max` where that has been lowered. */
  #places(): number {
    const most = Math.max(this.#max, this.#crowds.working)
    return most + Math.max(Math.ceil((most * headroom.percent) / 100), headroom.least)
  }

  #makeRoom(): void {
    const connection = this.#crowds.yields()
    // Without a word: even a refusal costs memory.
    if (connection !== undefined) this.#giveUp(connection, 'room')
  }

  /** A closing listener ends connections for reasons of its own, and those who never read with them. */
  #giveUp(connection: Connection, reason: CutReason): void {
    if (!this.#closing && this.#open.has(connection)) this.#wasCut(reason)
    this.#cut(connection)
  }

  #cut(connection: Connection): void {
    const { socket, stream, unread } = connection
    // Its event comes a turn later; until then it would count, and the next one to come would cost another.
    this.#forget(connection)
    // The system would hold what it has of an answer that nobody reads for minutes, and offer it again and again. Only TCP
    // has a reset, and only there is a family.
    if (unread !== undefined && socket.remoteFamily !== undefined) socket.resetAndDestroy()
    else stream.destroy()
  }

  #forget(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    this.#crowds.leave(connection)
    if (this.#open.size === 0) this.#parting.emptied()
  }

  /**
   * Of TLS, the connection that was accepted is told of first, and the one that requests come on when the handshake is
   * over. It knows the former by a member that Node does not document; without that, it would count for nothing.
   */
  #secured(socket: Socket): void {
    const connection = this.#of.get(acceptedSocket(socket))
    if (connection === undefined) return
    connection.secured = socket
    this.#of.set(socket, connection)
  }
}
