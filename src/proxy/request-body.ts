import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

export interface RequestBodyEvents {
  /** Called once, when the application is there to take the body. */
  readonly wanted: () => void
  /** Called with the length of each piece, before it is passed on. */
  readonly came: (bytes: number) => void
}

/**
 * A request's body on its way to the application, piece by piece, as fast as the application takes it. Not the request
 * itself: undici destroys the body when the exchange fails, and with the request would go the connection, on which the
 * client is still to be told what went wrong.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #events: RequestBodyEvents
  #isWanted = false

  constructor(request: IncomingMessage, events: RequestBodyEvents) {
    super()
    this.#request = request
    this.#events = events
    // Undici hears of errors by its own listener while it has one; without any, one more would end the process.
    this.on('error', () => {})
  }

  override _read(): void {
    if (!this.#isWanted) {
      this.#isWanted = true
      this.#request.on('data', this.#onData).on('end', this.#onEnd)
      this.#events.wanted()
    }
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd)
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#events.came(chunk.length)
    // It may have been too much.
    if (this.destroyed) return
    if (!this.push(chunk)) this.#request.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }
}
