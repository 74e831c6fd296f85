import type { Clock, Fetched, Provider, ProviderError } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { denied, fetched, missing, throttled, unavailable } from './heart-backend.ts'

export type Behaviour =
  | { readonly kind: 'same' | 'new' | 'missing' | 'denied' | 'unavailable' | 'never' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }

/** The backend's own account of one key: what it has said of it, from which follows what callers must be told. */
interface Account {
  /** What the last answer that was a value said, and when it was asked for. */
  held: { readonly text: string; readonly at: number } | undefined
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
  /** Set while someone forces calls: these need no pause before them. */
  forced = false
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  #generation = 1

  constructor(clock: Clock) {
    this.#clock = clock
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
    if (age > maxStaleMs) return 'expired'
    return `${age > refreshMs ? 'stale' : 'fresh'} ${held.text}`
  }

  async fetch(keys: readonly string[], signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    const answers = new Map<string, Fetched | ProviderError>()
    for (const key of keys) answers.set(key, await this.#answer(key, signal))
    return answers
  }

  #answer(key: string, signal: AbortSignal): Promise<Fetched | ProviderError> {
    const account = this.account(key)
    const at = this.#clock.now()
    this.#judge(account, at)
    const { behaviour } = this
    const { promise, resolve } = Promise.withResolvers<Fetched | ProviderError>()
    const end = (): void => {
      account.underWay -= 1
      account.endedAt = this.#clock.now()
    }
    const answer = (): void => {
      signal.removeEventListener('abort', end)
      end()
      resolve(this.#say(account, at, behaviour))
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
    if (!this.forced && at < account.endedAt + 100) {
      account.offences.push(`called at ${at}, on the heels of ${account.endedAt}`)
    }
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
        account.quietUntil = this.#clock.now() + behaviour.retryAfterMs
        return throttled(behaviour.retryAfterMs)
      default: {
        if (behaviour.kind === 'new') this.#generation += 1
        const text = `CANARY-${this.#generation}`
        account.held = { text, at }
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
