import type { Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import { acceptedSocket } from '../accepted-socket.ts'
import type { Clock, Timer } from '../secrets/clock.ts'
import type { Exchange } from './exchange.ts'
import type { Tunnel } from './tunnel.ts'

/**
 * Milliseconds for which a connection without a request stays open while draining: its client may be sending one at
 * this moment, and would find the connection closed.
 */
const idleGrace = 1_000

/** How clients are parted from. */
export interface Closing {
  /** Milliseconds, after which what is still open is cut; without it nothing is cut. */
  readonly withinMs?: number
  /**
   * Milliseconds for which connections are still accepted, until whoever leads clients here has noticed that it should
   * not. To close at once would reset those that the system has accepted and we have not: with many new connections
   * there are always some, and their requests may have been sent.
   */
  readonly noticeMs?: number
}

interface Connection {
  /** Not over yet. A client may send many requests without waiting (RFC 9112, section 9.3.2); most send one. */
  readonly exchanges: Set<Exchange>
  /** The one that was begun last, over or not: what Node's parser is at belongs to it, if its request is incomplete. */
  last: Exchange | undefined
}

/** The clients' connections and the exchanges on them. */
export class Connections {
  readonly #server: Server
  readonly #clock: Clock
  readonly #connections = new Map<Socket, Connection>()
  /** Sockets on which TLS is still being agreed upon. */
  readonly #handshaking = new Set<Socket>()
  /** What was upgraded: it ends by itself, or at the deadline. */
  readonly #tunnels = new Set<Tunnel>()
  #inFlight = 0
  #isDraining = false
  #closesIdle = false

  constructor(server: Server, clock: Clock) {
    this.#server = server
    this.#clock = clock
    const isTls = server instanceof TlsServer
    server.on('connection', (socket: Socket) => (isTls ? this.#handshakes(socket) : this.#opened(socket)))
    // Of TLS, requests come on the socket that is there when the handshake is over.
    server.on('secureConnection', (socket: Socket) => this.#opened(socket))
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Exchanges that are not over. */
  get inFlight(): number {
    return this.#inFlight
  }

  add(exchange: Exchange): void {
    this.#inFlight += 1
    const connection = this.#connections.get(exchange.request.socket)
    if (connection === undefined) return
    connection.exchanges.add(exchange)
    connection.last = exchange
  }

  ended(exchange: Exchange): void {
    this.#inFlight -= 1
    this.#connections.get(exchange.request.socket)?.exchanges.delete(exchange)
    // An answer whose head had gone out before draining began did not say that it is the last one.
    if (this.#closesIdle) setImmediate(() => this.#server.closeIdleConnections())
  }

  /** @param make is given what to call when it is over */
  tunnel(make: (over: () => void) => Tunnel): void {
    const tunnel: Tunnel = make(() => this.#tunnels.delete(tunnel))
    this.#tunnels.add(tunnel)
  }

  /** Whether requests may come on it: not while TLS is being agreed upon, nor after its end. */
  isOpen(socket: Socket): boolean {
    return this.#connections.has(socket)
  }

  /** The exchange that was begun last on a connection. */
  last(socket: Socket): Exchange | undefined {
    return this.#connections.get(socket)?.last
  }

  /**
   * Resolves when no connection is left and none is accepted any more. Each is closed with its next answer, which says
   * so; one that has nothing to answer, after a moment.
   *
   * @returns how many requests and upgraded connections were cut
   */
  async drain({ withinMs, noticeMs = 0 }: Closing = {}): Promise<number> {
    let cut = 0
    this.#isDraining = true
    const server = this.#server
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    // Not the close of http.Server, which closes idle connections at once.
    const close = (): unknown => NetServer.prototype.close.call(server, () => resolve())
    const timers: Timer[] = []
    if (noticeMs > 0 && server.listening) timers.push(this.#clock.setTimer(close, noticeMs))
    else close()
    timers.push(
      this.#clock.setTimer(
        () => {
          this.#closesIdle = true
          server.closeIdleConnections()
          for (const socket of this.#handshaking) socket.destroy()
        },
        Math.max(idleGrace, noticeMs),
      ),
    )
    if (withinMs !== undefined) {
      const end = (): void => {
        close()
        for (const { exchanges } of this.#connections.values()) cut += exchanges.size
        cut += this.#tunnels.size
        server.closeAllConnections()
        for (const tunnel of this.#tunnels) tunnel.destroy()
        // Upgraded connections are no longer the server's, nor are those whose upgrade is still being asked for.
        for (const socket of this.#connections.keys()) socket.destroy()
        for (const socket of this.#handshaking) socket.destroy()
      }
      timers.push(this.#clock.setTimer(end, withinMs))
    }
    await closed
    // The last connections' own events come a turn after the server's: until then their exchanges are not over.
    await eventLoopTurn()
    for (const timer of timers) timer.cancel()
    return cut
  }

  #handshakes(socket: Socket): void {
    this.#handshaking.add(socket)
    socket.once('close', () => this.#handshaking.delete(socket))
  }

  #opened(socket: Socket): void {
    this.#handshaking.delete(acceptedSocket(socket))
    const connection: Connection = { exchanges: new Set(), last: undefined }
    this.#connections.set(socket, connection)
    // Not the response's event: a response that waits for its turn on the connection does not hear of its end.
    socket.once('close', () => {
      this.#connections.delete(socket)
      for (const exchange of connection.exchanges) exchange.clientGone()
    })
  }
}
