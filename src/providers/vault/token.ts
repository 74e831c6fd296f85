import { inspect } from 'node:util'

export interface TokenLife {
  /** Milliseconds; 0 for one that does not end. */
  readonly ttlMs: number
  readonly renewable: boolean
}

export interface TokenOptions extends TokenLife {
  readonly text: string
  /** On the monotonic clock: its life counts from then. */
  readonly obtainedAt: number
  /** Whether it was logged in for, and so is ours to revoke; and whether it can be, as a batch token cannot. */
  readonly isRevocable: boolean
}

/** A token of Vault. Whatever prints or serialises it shows a label: neither the token nor its accessor is kept in the open. */
export class Token {
  readonly obtainedAt: number
  readonly isRevocable: boolean
  readonly #text: string
  #endsAt: number
  #renewable: boolean
  /** What it lived for at first, in milliseconds: what a renewal asks for again. */
  #firstMs: number

  constructor({ text, obtainedAt, ttlMs, renewable, isRevocable }: TokenOptions) {
    this.#text = text
    this.obtainedAt = obtainedAt
    this.isRevocable = isRevocable
    this.#firstMs = ttlMs
    this.#renewable = renewable
    this.#endsAt = endOf(obtainedAt, ttlMs)
  }

  /** For the header of a request, and nothing else. */
  reveal(): string {
    return this.#text
  }

  isText(text: string): boolean {
    return this.#text === text
  }

  /** On the monotonic clock; infinite where it does not end, or where that is not known. */
  get endsAt(): number {
    return this.#endsAt
  }

  get isRenewable(): boolean {
    return this.#renewable
  }

  get firstMs(): number {
    return this.#firstMs
  }

  isOver(now: number): boolean {
    return now >= this.#endsAt
  }

  /** What the server says of its life, counted from `askedAt` on the monotonic clock. */
  lives({ ttlMs, renewable }: TokenLife, askedAt: number): void {
    if (this.#firstMs === 0) this.#firstMs = ttlMs
    this.#renewable = renewable
    this.#endsAt = endOf(askedAt, ttlMs)
  }

  toString(): string {
    return '[token]'
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

function endOf(from: number, ttlMs: number): number {
  return ttlMs === 0 ? Number.POSITIVE_INFINITY : from + ttlMs
}

/** Visible ASCII, as a header takes it, and as all tokens of Vault are. */
export function isTokenText(text: string): boolean {
  return /^[!-~]+$/.test(text)
}
