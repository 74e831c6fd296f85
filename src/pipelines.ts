import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How many requests may wait behind the one that is being answered; who pipelines seriously keeps to about 16. */
export const mostBehind = 32
/** How much may arrive behind it, in bytes. What comes in one read from the system, up to 64 KiB, is not counted. */
const mostBytes = 65_536

type Handle = (request: IncomingMessage, response: ServerResponse) => void

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Those who wait on one connection. */
interface Line {
  readonly behind: Exchange[]
  /** How much had arrived when the first of them had. */
  readonly bytesBefore: number
}

/**
 * Has a server handle the requests of a connection one at a time, each when the answer before it has been sent
 * (pipelining: RFC 9112, section 9.3.2). Node would have them handled as they arrive: whoever sends a thousand behind
 * one that waits would be kept a thousand answers, made from the state of then. To be called when the server has all
 * its listeners for requests; they are called in turn from then on.
 *
 * A connection on which more arrives than is kept is destroyed: it cannot be told, since an answer would have to stand in
 * line too. To stop reading instead would hide that the caller has left.
 *
 * @param underWay the answer to the request that was handled last on a connection
 */
export function handleInTurn(server: Server, underWay: (socket: Socket) => ServerResponse | undefined): void {
  const listeners = server.listeners('request')
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    for (const listener of listeners) listener.call(server, request, response)
  }
  const lines = new Lines(handle, underWay)
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // An answer gets its connection when the one before it has been sent, and here nearly always has it already.
    if (response.socket === null) lines.join({ request, response })
    else handle(request, response)
  })
}

class Lines {
  readonly #handle: Handle
  readonly #underWay: (socket: Socket) => ServerResponse | undefined
  /** Only of connections on which somebody waits. */
  readonly #lines = new WeakMap<Socket, Line>()

  constructor(handle: Handle, underWay: (socket: Socket) => ServerResponse | undefined) {
    this.#handle = handle
    this.#underWay = underWay
  }

  join(exchange: Exchange): void {
    const { socket } = exchange.request
    // What came in the same read as the one too many.
    if (socket.destroyed) return
    const line = this.#lines.get(socket)
    if (line === undefined) {
      this.#lines.set(socket, { behind: [exchange], bytesBefore: socket.bytesRead })
      this.#awaitAnswer(socket, this.#underWay(socket))
    } else if (line.behind.length < mostBehind && socket.bytesRead - line.bytesBefore <= mostBytes) {
      line.behind.push(exchange)
    } else {
      this.#lines.delete(socket)
      socket.destroy()
    }
  }

  #awaitAnswer(socket: Socket, answer: ServerResponse | undefined): void {
    answer?.once('finish', () => this.#next(socket))
  }

  #next(socket: Socket): void {
    const line = this.#lines.get(socket)
    const exchange = line?.behind.shift()
    if (line === undefined || exchange === undefined) return
    if (line.behind.length === 0) this.#lines.delete(socket)
    else this.#awaitAnswer(socket, exchange.response)
    // After an answer that said `Connection: close` nothing more is processed (RFC 9112, section 9.6).
    if (socket.writable) this.#handle(exchange.request, exchange.response)
    else this.#lines.delete(socket)
  }
}
