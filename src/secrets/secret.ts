import { isUtf8 } from 'node:buffer'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/**
 * A secret's bytes, opaque: the value is a private field, read by the one method `reveal`, so that a search for that
 * name finds every place that touches a value. Whatever prints or serialises the object by accident prints a label.
 */
export class SecretValue {
  readonly #bytes: Buffer
  /** True where the bytes are valid UTF-8; only such a value has a text form. */
  readonly isText: boolean

  /** Takes the bytes over: the caller must not change them afterwards. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.isText = isUtf8(bytes)
  }

  static fromText(text: string): SecretValue {
    return new SecretValue(Buffer.from(text, 'utf8'))
  }

  get byteLength(): number {
    return this.#bytes.length
  }

  /** The value's own bytes, not a copy: do not change them. */
  reveal(): Buffer {
    return this.#bytes
  }

  equals(other: SecretValue): boolean {
    return this.byteLength === other.byteLength && timingSafeEqual(this.#bytes, other.#bytes)
  }

  copy(): SecretValue {
    return new SecretValue(Buffer.from(this.#bytes))
  }

  /** Overwrites the bytes. Only for values that nobody reads any more. */
  wipe(): void {
    this.#bytes.fill(0)
  }

  toString(): string {
    return '[secret value]'
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/** A named value with a version. Prints as `[secret NAME@VERSION]`, whoever prints it. */
export class Secret {
  readonly name: string
  /** Printable ASCII, at most 128 characters: fit for a header. */
  readonly version: string
  readonly #value: SecretValue

  constructor(name: string, version: string, value: SecretValue) {
    this.name = name
    this.version = version
    this.#value = value
  }

  get byteLength(): number {
    return this.#value.byteLength
  }

  get isText(): boolean {
    return this.#value.isText
  }

  /** The value's own bytes, not a copy: do not change them. */
  reveal(): Buffer {
    return this.#value.reveal()
  }

  hasValue(value: SecretValue): boolean {
    return this.#value.equals(value)
  }

  /** Whether this is the very object that the secret was made of, rather than one with the same bytes. */
  isOf(value: SecretValue): boolean {
    return this.#value === value
  }

  /** Overwrites the bytes. Only for secrets that nobody reads any more. */
  wipe(): void {
    this.#value.wipe()
  }

  toString(): string {
    return `[secret ${this.name}@${this.version}]`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/** Not a constant: versions appear in lists and logs, and a plain hash of a guessable password could be guessed offline. */
const versionKey = randomBytes(32)

/**
 * The version of a value whose provider gives none: a hash of the content, keyed for this process. The name is part of
 * it, so that versions do not tell which secrets have the same value.
 */
export function contentVersion(name: string, value: Pick<SecretValue, 'reveal'>): string {
  const hash = createHmac('sha256', versionKey).update(`${name}\0`).update(value.reveal())
  return `h-${hash.digest('hex').slice(0, 16)}`
}

/** Fit for an ETag, a header and a log line: visible ASCII without quotes and backslashes (RFC 9110, section 8.8.3). */
const plainVersion = /^[!#-[\]-~]{1,128}$/

/** A provider's version as it is, where headers can carry it; else a hash of it that tells versions apart as well. */
export function headerSafeVersion(version: string): string {
  if (plainVersion.test(version)) return version
  return `v-${createHmac('sha256', 'sidekeep version').update(version).digest('hex').slice(0, 16)}`
}
