import type { Clock, Fetched, Lease, Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { denied, fetched, missing, throttled, unavailable } from './heart-backend.ts'

/** What the heart must keep to, whatever happens. */
export interface ModelLimits {
  readonly maxCallsPerSecond: number
  readonly maxConcurrentCalls: number
}

/** A lease shorter than this, in milliseconds, is taken for one of it. */
const shortestLease = 1_000
/** The part of a lease after which a value is stale. */
const freshShare = 0.95

export type Behaviour =
  | { readonly kind: 'same' | 'new' | 'missing' | 'denied' | 'unavailable' | 'never' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  /** A value that lives for a time, and lasts longer when it is renewed. */
  | { readonly kind: 'leased'; readonly durationMs: number; readonly renewable: boolean }

/** The backend's own account of one key: what it has said of it, from which follows what callers must be told. */
interface Account {
  /** What the last answer that was a value said, and when it was asked for. */
  held: { readonly text: string; readonly at: number; readonly leaseMs: number | undefined } | undefined
  /** Whether the last answer that was no failure said that there is no such key. */
  missing: boolean
  underWay: number
  mostUnderWay: number
  calls: number
  /** When the last call ended, and until when the backend wants to be left alone. */
  endedAt: number
  quietUntil: number
  /** Calls that came before `quietUntil`, or on the heels of the one before without anyone having forced them. */
  readonly offences: string[]
}

/**
 * A backend that behaves as it is told, beside a model of what the heart must make of it: the table of `design.md`,
 * written down once more in a few lines, from the backend's side.
 */
export class ModelBackend implements Provider {
  behaviour: Behaviour = { kind: 'same' }
  /** How long an answer takes, in milliseconds. */
  latencyMs = 0
  /** How many callers wait for a call that they asked for: such a call needs no pause before it. */
  callers = 0
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  readonly #limits: ModelLimits
  /** When each call began, of whichever key. */
  readonly #begun: number[] = []
  #underWay = 0
  #generation = 1

  constructor(clock: Clock, limits: ModelLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  account(key: string): Account {
    const account = this.#accounts.get(key) ?? newAccount()
    this.#accounts.set(key, account)
    return account
  }

  /** What a caller must be told now of a declared secret, in the words of `inWords`. */
  expected(key: string, { refreshMs, maxStaleMs }: Rule): string {
    const { held, missing } = this.account(key)
    if (held === undefined) return missing ? 'not-found' : 'not-loaded'
    const age = this.#clock.now() - held.at
    const leaseMs = held.leaseMs === undefined ? undefined : Math.max(held.leaseMs, shortestLease)
    if (age > (leaseMs ?? maxStaleMs)) return 'expired'
    return `${age > (leaseMs === undefined ? refreshMs : leaseMs * freshShare) ? 'stale' : 'fresh'} ${held.text}`
  }

  async fetch(keys: readonly string[], signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    const answers = new Map<string, Fetched | ProviderError>()
    for (const key of keys) answers.set(key, await this.#answer(key, signal))
    return answers
  }

  async renew(key: string, lease: Lease, signal: AbortSignal): Promise<Lease> {
    const answer = await this.#call(key, signal, (account, at, behaviour) => {
      if (behaviour.kind === 'denied') return denied()
      if (behaviour.kind === 'unavailable') return unavailable()
      if (behaviour.kind === 'throttled') return this.#throttle(account, behaviour.retryAfterMs)
      // Whatever else the backend gives now, it knows the lease no more.
      if (behaviour.kind !== 'leased') return missing()
      if (account.held !== undefined)
        account.held = { text: account.held.text, at, leaseMs: behaviour.durationMs }
      return { ...lease, durationMs: behaviour.durationMs, renewable: behaviour.renewable }
    })
    if (answer instanceof ProviderError) throw answer
    return answer
  }

  #answer(key: string, signal: AbortSignal): Promise<Fetched | ProviderError> {
    return this.#call(key, signal, (account, at, behaviour) => this.#say(account, at, behaviour))
  }

  #call<T>(
    key: string,
    signal: AbortSignal,
    say: (account: Account, at: number, behaviour: Behaviour) => T,
  ): Promise<T> {
    const account = this.account(key)
    const at = this.#clock.now()
    this.#judge(account, at)
    const { behaviour } = this
    const { promise, resolve } = Promise.withResolvers<T>()
    const end = (): void => {
      account.underWay -= 1
      this.#underWay -= 1
      account.endedAt = this.#clock.now()
    }
    const answer = (): void => {
      signal.removeEventListener('abort', end)
      end()
      resolve(say(account, at, behaviour))
    }
    signal.addEventListener('abort', end, { once: true })
    if (behaviour.kind === 'never') return promise
    if (this.latencyMs === 0) answer()
    else this.#clock.setTimer(() => (signal.aborted ? undefined : answer()), this.latencyMs)
    return promise
  }

  #judge(account: Account, at: number): void {
    account.calls += 1
    account.underWay += 1
    account.mostUnderWay = Math.max(account.mostUnderWay, account.underWay)
    if (at < account.quietUntil) account.offences.push(`called at ${at}, before ${account.quietUntil}`)
    if (this.callers === 0 && at < account.endedAt + 100) {
      account.offences.push(`called at ${at}, on the heels of ${account.endedAt}`)
    }
    this.#underWay += 1
    const { maxCallsPerSecond, maxConcurrentCalls } = this.#limits
    if (this.#underWay > maxConcurrentCalls)
      account.offences.push(`${this.#underWay} calls at a time at ${at}`)
    this.#begun.push(at)
    // A budget that is full after a pause may be spent at once, and fills again meanwhile: so many in any second.
    const inSecond = this.#begun.filter((time) => time > at - 1_000).length
    if (inSecond > 2 * maxCallsPerSecond)
      account.offences.push(`${inSecond} calls in the second before ${at}`)
    if (this.#begun.length > 10 * maxCallsPerSecond) this.#begun.shift()
  }

  #throttle(account: Account, retryAfterMs: number): ProviderError {
    account.quietUntil = this.#clock.now() + retryAfterMs
    return throttled(retryAfterMs)
  }

  #say(account: Account, at: number, behaviour: Behaviour): Fetched | ProviderError {
    switch (behaviour.kind) {
      case 'missing':
        account.held = undefined
        account.missing = true
        return missing()
      case 'denied':
        return denied()
      case 'unavailable':
        return unavailable()
      case 'throttled':
        return this.#throttle(account, behaviour.retryAfterMs)
      case 'leased': {
        // Each fetch makes another.
        this.#generation += 1
        const text = `CANARY-${this.#generation}`
        const { durationMs, renewable } = behaviour
        account.held = { text, at, leaseMs: durationMs }
        account.missing = false
        return { ...fetched(text), lease: { id: text, durationMs, renewable } }
      }
      default: {
        if (behaviour.kind === 'new') this.#generation += 1
        const text = `CANARY-${this.#generation}`
        account.held = { text, at, leaseMs: undefined }
        account.missing = false
        return fetched(text)
      }
    }
  }
}

function newAccount(): Account {
  return {
    held: undefined,
    missing: false,
    underWay: 0,
    mostUnderWay: 0,
    calls: 0,
    endedAt: Number.NEGATIVE_INFINITY,
    quietUntil: 0,
    offences: [],
  }
}
