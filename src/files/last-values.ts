import { type Holder, liveValues } from '../observability/redaction/live-values.ts'
import { SecretValue } from '../secrets/secret.ts'
import type { FileSecret } from './content.ts'

/** How many values of secrets that are gone are kept for one file at the most; the oldest go first. */
const mostGone = 1_000

interface Last {
  readonly version: string
  /** What the value was copied from. */
  readonly origin: object
  readonly value: SecretValue
}

/**
 * Copies of what a file has, for one in which values stay when their secrets are gone: the cache overwrites those at once.
 * No other file needs one.
 */
export class LastValues {
  readonly #values = new Map<string, Last>()
  readonly #gone = new Set<string>()
  readonly #holder: Holder

  constructor(holder: Holder = liveValues.holder()) {
    this.#holder = holder
  }

  /** A secret is there, with this value. */
  keep(name: string, version: string, secret: FileSecret): void {
    this.#gone.delete(name)
    const former = this.#values.get(name)
    if (former?.origin === secret) return
    const value = new SecretValue(Buffer.from(secret.reveal()))
    // Reads what the label had before: it is overwritten only now.
    this.#holder.hold(name, value.reveal())
    former?.value.wipe()
    this.#values.set(name, { version, origin: secret, value })
  }

  /** The last value of a secret that is gone; undefined where the file never had one. */
  recall(
    name: string,
  ): { readonly version: string; readonly origin: object; readonly secret: FileSecret } | undefined {
    const last = this.#values.get(name)
    if (last === undefined) return undefined
    this.#gone.add(name)
    for (const oldest of this.#gone) {
      if (this.#gone.size <= mostGone) break
      this.#forget(oldest)
    }
    const { value, version, origin } = last
    return { version, origin, secret: { name, isText: value.isText, reveal: () => value.reveal() } }
  }

  /** Which secrets have a value here. */
  names(): Iterable<string> {
    return this.#values.keys()
  }

  /** Overwrites all of them. */
  close(): void {
    this.#holder.close()
    for (const { value } of this.#values.values()) value.wipe()
    this.#values.clear()
  }

  #forget(name: string): void {
    this.#gone.delete(name)
    this.#holder.release(name)
    this.#values.get(name)?.value.wipe()
    this.#values.delete(name)
  }
}
