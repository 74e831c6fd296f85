import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Of an answer that is written and not taken yet. */
export interface Unread {
  readonly bytes: number
  /** On the monotonic clock. */
  readonly since: number
}

/** One connection of a listener, and where it stands. */
export class Connection {
  /** As it was accepted: of a TLS connection, what is beneath it. */
  readonly socket: Socket
  /** The TLS connection on it, once its handshake is over. */
  secured: Socket | undefined
  /** The answer, given or not, to the request that was handled last. */
  answer: ServerResponse | undefined
  /** What of that answer waited in memory when it was written, until the caller has taken it. */
  unread: Unread | undefined
  /** The crowd that it belongs to, and its neighbours there: to move it on takes no search. */
  crowd: Crowd | undefined
  before: Connection | undefined
  after: Connection | undefined

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** What requests come from and answers go to. */
  get stream(): Socket {
    return this.secured ?? this.socket
  }
}

/** Connections that are in the same state, in the order in which they came to be in it. Each call takes the same time. */
export class Crowd {
  #first: Connection | undefined
  #last: Connection | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one that has been in it for longest. */
  get first(): Connection | undefined {
    return this.#first
  }

  /** Takes a connection in as the last, out of the crowd where it was, which may be this one. */
  take(connection: Connection): void {
    if (connection === this.#last) return
    connection.crowd?.release(connection)
    connection.crowd = this
    connection.before = this.#last
    if (this.#last === undefined) this.#first = connection
    else this.#last.after = connection
    this.#last = connection
    this.#size += 1
  }

  /** Lets a connection go that is in this crowd. */
  release(connection: Connection): void {
    const { before, after } = connection
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    connection.crowd = undefined
    connection.before = undefined
    connection.after = undefined
    this.#size -= 1
  }
}
