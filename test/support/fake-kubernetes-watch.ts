/** One watch of the fake API server, and all that can become of it. */
import type { ServerResponse } from 'node:http'
import { bookmarkOf, objectOf } from './fake-kubernetes-objects.ts'
import { type Change, type Selection, seenBy } from './fake-kubernetes-store.ts'

export class FakeWatch {
  readonly selection: Selection
  readonly #response: ServerResponse
  readonly #isBare: boolean
  /** Events are neither sent nor kept: the connection is dead and nobody knows. */
  isDead = false
  /** The next event is sent by half, and the connection cut. */
  cutsNext = false

  constructor(response: ServerResponse, selection: Selection, isBare: boolean) {
    this.#response = response
    this.selection = selection
    this.#isBare = isBare
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
  }

  tell(change: Change): void {
    const seen = seenBy(this.selection, change)
    if (seen === undefined || this.isDead) return
    this.line({ type: seen.type, object: objectOf(seen.secret, this.#isBare) })
  }

  bookmark(revision: number): void {
    this.line(bookmarkOf(revision, this.#isBare))
  }

  /** The server gives it up with a Status. */
  error(status: object): void {
    this.line({ type: 'ERROR', object: status })
    this.end()
  }

  line(event: object): void {
    const line = `${JSON.stringify(event)}\n`
    if (!this.cutsNext) {
      this.#response.write(line)
      return
    }
    this.#response.write(line.slice(0, line.length / 2), () => this.cut())
  }

  raw(bytes: string | Buffer): void {
    this.#response.write(bytes)
  }

  /** In good order, as the server does after timeoutSeconds. */
  end(): void {
    this.#response.end()
  }

  /** The connection is reset. */
  cut(): void {
    this.#response.socket?.resetAndDestroy()
  }
}
