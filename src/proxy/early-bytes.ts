import type { Socket } from 'node:net'

/** How much is kept of it, in bytes; most clients wait for the answer. */
const mostEarly = 65_536

/**
 * What a client sends behind a request for an upgrade, before that is decided. Node's parser has let go of the connection
 * then, and only who reads it learns that the client has left.
 */
export class EarlyBytes {
  readonly #socket: Socket
  readonly #pieces: Buffer[] = []
  #length = 0
  #isWanted = true

  /** @param first what came with the request */
  constructor(socket: Socket, first: Buffer) {
    this.#socket = socket
    socket.on('data', this.#keep).on('end', this.#leave)
    if (first.length > 0) this.#keep(first)
  }

  /** The connection is somebody else's from now on, who reads what came as if it came now. */
  giveBack(): void {
    const socket = this.#socket
    socket.off('data', this.#keep).off('end', this.#leave).pause()
    if (this.#length > 0) socket.unshift(Buffer.concat(this.#pieces))
  }

  /** Nothing becomes of it: it is thrown away, now and later. */
  discard(): void {
    this.#isWanted = false
    this.#pieces.length = 0
    this.#socket.resume()
  }

  readonly #keep = (piece: Buffer): void => {
    if (!this.#isWanted) return
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length >= mostEarly) this.#socket.pause()
  }

  readonly #leave = (): void => {
    this.#socket.destroy()
  }
}
