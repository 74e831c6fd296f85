import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import type { ComposedCalls } from './composed-calls.ts'
import { callPause } from './last-calls.ts'
import { outcomeOf } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { RejectedResult } from './reading.ts'
import type { Match } from './rules.ts'

/** However often a version is reported and stays, it is asked about again after this time, in milliseconds. */
const longestGap = 30_000
/** A version of which nobody complained for so long, in milliseconds, begins anew with the shortest gap. */
const forgottenAfter = 60_000
/** How many secrets are remembered as reported; the one reported longest ago goes first, and costs a call more. */
const maxRemembered = 1_000

interface Memory {
  readonly version: string
  /** When the call began that brought the result, and until when that is the answer; on the monotonic clock. */
  readonly calledAt: number
  readonly until: number
  readonly gapMs: number
  readonly result: RejectedResult
}

export interface RejectionsOptions {
  readonly cache: SecretCache
  readonly clock: Clock
  readonly calls: ComposedCalls
  /** Which rule names a secret now. */
  readonly find: (name: string) => Match | undefined
}

/**
 * Reports that a backend refused a version of a secret. Each may be the news of a rotation, and a thousand of them may
 * only be an application whose account is gone: where the same version comes back, the calls come at growing gaps.
 */
export class Rejections {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #calls: ComposedCalls
  readonly #find: (name: string) => Match | undefined
  readonly #memories = new Map<string, Memory>()

  constructor(options: RejectionsOptions) {
    this.#cache = options.cache
    this.#clock = options.clock
    this.#calls = options.calls
    this.#find = options.find
  }

  async report(match: Match, version: string): Promise<RejectedResult> {
    const reportedAt = this.#clock.now()
    const replaced = this.#replaced(match.name, version)
    if (replaced !== undefined) return replaced
    const known = this.#known(match.name, version)
    // While a call is under way, what is remembered is about to be out of date.
    const isKnown = known !== undefined && !this.#calls.isUnderWay(match)
    if (!isKnown) this.#calls.doubt(match)
    const throttled = this.#calls.throttled(match)
    if (throttled !== undefined) return { outcome: 'failed', error: throttled }
    if (isKnown) return known
    const suffices = (): boolean =>
      this.#replaced(match.name, version) !== undefined || this.#gap(match.name, version) > callPause
    const run = await this.#calls.ofSince(match.name, this.#find, reportedAt, suffices)
    const outcome = outcomeOf(run, match.name)
    const result = this.#replaced(match.name, version) ?? this.#result(match.name, outcome)
    this.#remember(match.name, version, result, run.calledAt ?? reportedAt)
    return result
  }

  /** The version that is held, where it is another than the one reported. */
  #replaced(name: string, version: string): RejectedResult | undefined {
    const held = this.#cache.entry(name)?.held?.secret.version
    return held === undefined || held === version
      ? undefined
      : { outcome: 'held', version: held, changed: true }
  }

  #result(name: string, outcome: unknown): RejectedResult {
    if (outcome instanceof ProviderError) return { outcome: 'failed', error: outcome }
    const version = this.#cache.entry(name)?.held?.secret.version
    return version === undefined ? { outcome: 'not-found' } : { outcome: 'held', version, changed: false }
  }

  #memory(name: string, version: string): Memory | undefined {
    const memory = this.#memories.get(name)
    return memory?.version === version ? memory : undefined
  }

  #known(name: string, version: string): RejectedResult | undefined {
    const memory = this.#memory(name, version)
    return memory !== undefined && this.#clock.now() < memory.until ? memory.result : undefined
  }

  #gap(name: string, version: string): number {
    return this.#known(name, version) === undefined ? 0 : (this.#memory(name, version)?.gapMs ?? 0)
  }

  #remember(name: string, version: string, result: RejectedResult, calledAt: number): void {
    const before = this.#memory(name, version)
    // Many reports may have had the same call.
    if (before?.calledAt === calledAt) return
    this.#memories.delete(name)
    if (result.outcome === 'not-found' || (result.outcome === 'held' && result.changed)) return
    const isForgotten = before === undefined || this.#clock.now() - before.until > forgottenAfter
    const gapMs = isForgotten ? callPause : Math.min(before.gapMs * 2, longestGap)
    this.#memories.set(name, { version, calledAt, until: calledAt + gapMs, gapMs, result })
    const [oldest] = this.#memories.keys()
    if (oldest !== undefined && this.#memories.size > maxRemembered) this.#memories.delete(oldest)
  }
}
