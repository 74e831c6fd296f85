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

/** Beyond this the oldest is forgotten, which costs one full answer. */
const maxBytes = 16 * 1024 * 1024
const maxEntries = 10_000

/** An entity tag (RFC 9110, section 8.8.3), not absurdly long. */
const entityTag = /^(?:W\/)?"[!#-~\u0080-\u00ff]{0,512}"$/

/**
 * The last answers of the backend, each with its entity tag: nothing but the companion of conditional requests. A 304
 * says "what you have is current", and the provider is the one who has to have it. It never answers without asking the
 * backend. The whole body is kept, opaque, and parsed again on a 304, so that each fetch hands out values of its own:
 * whoever got the last ones may have overwritten them.
 */
export class Conditional {
  readonly #entries = new Map<string, Remembered>()
  #bytes = 0

  get(path: string): Remembered | undefined {
    return this.#entries.get(path)
  }

  /** Remembers an answer, or forgets the path where the answer cannot be asked for conditionally. Takes `body` over. */
  set(path: string, { etag, contentType, body }: Answered): void {
    this.forget(path)
    if (etag === undefined || !entityTag.test(etag) || body.length > maxBytes) return
    this.#entries.set(path, { etag, contentType, body: new SecretValue(body) })
    this.#bytes += body.length
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= maxBytes && this.#entries.size <= maxEntries) break
      this.forget(oldest)
    }
  }

  forget(path: string): void {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    this.#bytes -= entry.body.byteLength
  }

  /** Forgets everything and overwrites it. */
  clear(): void {
    for (const { body } of this.#entries.values()) body.wipe()
    this.#entries.clear()
    this.#bytes = 0
  }
}
