import { isOutOfDescriptors, type StringSource } from '../config/source.ts'
import { weaknessOf } from '../config/token-strength.ts'
import { CodedError } from '../errors.ts'
import { FileWatch } from '../file-watch.ts'
import type { Clock, Timer } from '../secrets/clock.ts'
import type { Digest } from './digest.ts'
import { digestOf, isSame, nobodysDigest } from './digest.ts'
import { fewAtOnce } from './few-at-once.ts'

/**
 * Between two looks at a token's file where nothing is reported, in milliseconds: how long a new token may stay unknown
 * on a file system that reports no changes.
 */
const pollInterval = 10_000
/** How long what is wrong with a file must last before its token is void, in milliseconds: it may be half written. */
const patience = 2_000

/**
 * Files of tokens are polled at the same moments, and there may be thousands: opened together they would use up the
 * descriptors of the process, which connections want too. One line for all tokens of the process.
 */
const inTurn = fewAtOnce(16)

/** What happened to a token. */
export type TokenChange =
  | { readonly kind: 'taken' }
  /** `why` names the place and a remedy, never the token. */
  | { readonly kind: 'void'; readonly why: string }

/** Keeps one token out of whatever is written, such as the log. */
export interface TokenKeeper {
  hold(label: string, token: Uint8Array): void
  release(label: string): void
}

export interface TokenOptions {
  readonly source: StringSource
  /** What it is called where it would have been written. */
  readonly label: string
  readonly clock: Clock
  readonly keeper: TokenKeeper
  /** Why a token of this digest cannot be this one, in words; undefined where it can. */
  readonly objection: (digest: Digest) => string | undefined
  /** Called after each change while it is watched. */
  readonly changed: (change: TokenChange) => void
}

type Found =
  | { readonly token: string; readonly digest: Digest }
  /** `saysNothing`: it could not be looked at, for a reason that is not its own. */
  | { readonly why: string; readonly saysNothing: boolean }

/**
 * One token of a caller. What its place holds is taken at once when it is a good one; when it is missing or unfit, what
 * was there before is good until a second look finds it so still.
 */
export class Token {
  readonly source: StringSource
  readonly #options: TokenOptions
  readonly #watch: FileWatch | undefined
  #digest = nobodysDigest()
  #isValid = false
  /** All that is wrong with what its place holds is that it is somebody else's. */
  #isTaken = false
  /** Why it is void, as it was told. */
  #why: string | undefined
  /** When something was first found to be wrong with what is held, on the monotonic clock. */
  #doubtedAt: number | undefined
  #secondLook: Timer | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  #isClosed = false

  constructor(options: TokenOptions) {
    this.source = options.source
    this.#options = options
    const path = fileOf(options.source)
    if (path === undefined) return
    this.#watch = new FileWatch({ path, clock: options.clock, look: () => void this.look() })
  }

  /** That of the token; where there is none, one that no token has. */
  get digest(): Digest {
    return this.#digest
  }

  get isValid(): boolean {
    return this.#isValid
  }

  /** Reads it for the first time, without a word to anybody. Resolves to why it lets nobody in, if it does not. */
  async load(): Promise<string | undefined> {
    const found = await this.#find()
    if (this.#isClosed) return undefined
    if ('why' in found) this.#why = found.why
    else this.#take(found)
    return this.#why
  }

  /** From now on changes of its file are seen. An environment variable cannot change. */
  watch(): void {
    this.#watch?.set({ watch: true, poll: pollInterval })
  }

  /**
   * Lets nobody in from now on, until its place holds another one.
   *
   * @param why as it is told
   */
  revoke(why?: string): void {
    this.#why = why
    this.#digest = nobodysDigest()
    this.#isValid = false
    this.#options.keeper.release(this.#options.label)
    this.#trust()
  }

  /**
   * What its place holds is somebody else's: lets nobody in until it is so no longer.
   *
   * @param why as it is told
   */
  refuse(why: string): void {
    this.revoke(why)
    this.#isTaken = true
  }

  /** Somebody has given up a token: reads it again where it may be this one. */
  retry(): void {
    if (this.#isTaken) void this.look()
  }

  close(): void {
    this.#isClosed = true
    this.#watch?.close()
    this.revoke()
  }

  /** Reads it again. Whoever asks while it is read gets it read once more. */
  look(): Promise<void> {
    this.#lookAgain = this.#looking !== undefined
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    do {
      this.#lookAgain = false
      const found = await this.#find()
      if (this.#isClosed) return
      if (!('why' in found)) this.#accept(found)
      else if (!found.saysNothing) {
        this.#isTaken = false
        this.#doubt(found.why)
      }
    } while (this.#lookAgain)
  }

  async #find(): Promise<Found> {
    try {
      const token = await inTurn(() => this.source.read())
      const weakness = weaknessOf(token)
      if (weakness === undefined) return { token, digest: digestOf(token) }
      const why = `${this.source.describe()} ${weakness}. Make another one with "sidekeep token".`
      return { why, saysNothing: false }
    } catch (error) {
      if (error instanceof CodedError) return { why: error.message, saysNothing: isOutOfDescriptors(error) }
      throw error
    }
  }

  #accept(found: Exclude<Found, { why: string }>): void {
    if (this.#isValid && isSame(found.digest, this.#digest)) {
      this.#trust()
      return
    }
    const objection = this.#options.objection(found.digest)
    if (objection !== undefined) {
      this.#isTaken = true
      this.#doubt(`${this.source.describe()} ${objection}`)
      return
    }
    this.#take(found)
    this.#options.changed({ kind: 'taken' })
  }

  #take({ token, digest }: Exclude<Found, { why: string }>): void {
    this.#trust()
    this.#digest = digest
    this.#isValid = true
    this.#isTaken = false
    this.#why = undefined
    this.#options.keeper.hold(this.#options.label, Buffer.from(token))
  }

  #doubt(why: string): void {
    if (!this.#isValid && why === this.#why) return
    const { clock, changed } = this.#options
    this.#doubtedAt ??= clock.now()
    if (clock.now() - this.#doubtedAt >= patience) {
      this.revoke(why)
      changed({ kind: 'void', why })
      return
    }
    this.#secondLook ??= clock.setTimer(() => {
      this.#secondLook = undefined
      void this.look()
    }, patience)
  }

  #trust(): void {
    this.#doubtedAt = undefined
    this.#secondLook?.cancel()
    this.#secondLook = undefined
  }
}

function fileOf(source: StringSource): string | undefined {
  const spec = source.toJSON()
  return typeof spec === 'object' && 'file' in spec ? spec.file : undefined
}
