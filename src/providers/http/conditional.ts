import { SecretValue } from '../../secrets/secret.ts'

/** What a 304 refers to. */
export interface Remembered {
  readonly etag: string
  readonly contentType: string | undefined
  readonly body: SecretValue
}

/** An answer that may be remembered. */
interface Answered {
  readonly etag: string | undefined
  readonly contentType: string | undefined
  readonly body: Buffer
}

/** Beyond this, and beyond `maxBytes`, the oldest is forgotten, which costs one full answer. */
const maxEntries = 10_000

/** An entity tag (RFC 9110, section 8.8.3), not absurdly long. */
const entityTag = /^(?:W\/)?"[!#-~\u0080-\u00ff]{0,512}"$/

/**
 * The last answers of the backend, each with its entity tag: nothing but the companion of conditional requests. A 304
 * says "what you have is current", and the provider is the one who has to have it. It never answers without asking the
 * backend. The whole body is kept, opaque, and parsed again on a 304, so that each fetch hands out values of its own:
 * whoever got the last ones may have overwritten them.
 *
 * An answer is taken out for the request that asks whether it is current, and given back afterwards: what lies here is
 * in nobody's hands, and so can be overwritten whenever it is replaced or has to make room.
 */
export class Conditional {
  readonly #entries = new Map<string, Remembered>()
  readonly #maxBytes: number
  #bytes = 0
  #closed = false

  /** @param maxBytes of the bodies together */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What is remembered of a path; the caller gives it back, or overwrites it. */
  take(path: string): Remembered | undefined {
    const entry = this.#entries.get(path)
    if (entry === undefined) return undefined
    this.#entries.delete(path)
    this.#bytes -= entry.body.byteLength
    return entry
  }

  /** Remembers an answer, where it can be asked for conditionally. Takes `body` over, to remember or to overwrite it. */
  set(path: string, { etag, contentType, body }: Answered): void {
    this.#forget(path)
    if (etag === undefined || !entityTag.test(etag) || body.length > this.#maxBytes) body.fill(0)
    else this.give(path, { etag, contentType, body: new SecretValue(body) })
  }

  /** Takes back what was taken; what was remembered of the path meanwhile is newer. */
  give(path: string, remembered: Remembered): void {
    if (this.#closed || this.#entries.has(path)) {
      remembered.body.wipe()
      return
    }
    this.#entries.set(path, remembered)
    this.#bytes += remembered.body.byteLength
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes && this.#entries.size <= maxEntries) break
      this.#forget(oldest)
    }
  }

  #forget(path: string): void {
    this.take(path)?.body.wipe()
  }

  /** Overwrites everything, and what is given back later too. */
  close(): void {
    this.#closed = true
    for (const path of [...this.#entries.keys()]) this.#forget(path)
  }
}
