import type { SecretsObserver } from './observer.ts'
import { ProviderError } from './provider.ts'

/** How often a list has to say the same before it is believed that most of what is held is gone. */
const timesToBelieve = 3

/** What a list no longer names of what is held. */
export interface Shrunk {
  readonly provider: string
  /** When the list was asked for, on the monotonic clock. */
  readonly at: number
  /** How many secrets are held from the provider. */
  readonly held: number
  /** Those of them that it does not list. */
  readonly vanished: ReadonlySet<string>
  /** For how long it has to say so, in milliseconds: the longest refresh interval of those that vanished. */
  readonly intervalMs: number
}

/** Lists that say the same of most of what is held. */
interface Doubt {
  readonly vanished: ReadonlySet<string>
  readonly since: number
  times: number
}

/**
 * Lists from which every secret, or more than half of those that are held, has vanished at once. A backend that lost its
 * database, its permissions or its mind answers so far more often than somebody deletes most of what an application
 * lives on: it is believed once it has said the same three times, over at least the longest refresh interval of what
 * vanished.
 */
export class Shrinkage {
  readonly #observer: SecretsObserver
  readonly #isHeld: (name: string, provider: string) => boolean
  readonly #doubts = new Map<string, Doubt>()

  /** @param isHeld whether a secret is held that the provider is asked for */
  constructor(observer: SecretsObserver, isHeld: (name: string, provider: string) => boolean) {
    this.#observer = observer
    this.#isHeld = isHeld
  }

  /** @returns why a list is not believed in what it lacks; undefined where it is */
  judge(shrunk: Shrunk): ProviderError | undefined {
    const { provider, at, held, vanished } = shrunk
    const doubt = this.#doubts.get(provider)
    if (doubt !== undefined && this.#isSame(doubt, vanished, provider)) {
      doubt.times += 1
      if (doubt.times < timesToBelieve || at - doubt.since < shrunk.intervalMs) return notBelieved(shrunk)
      this.#doubts.delete(provider)
      this.#observer.listShrank({ provider, held, vanished: vanished.size, believed: true })
      return undefined
    }
    if (vanished.size * 2 <= held) {
      this.#doubts.delete(provider)
      return undefined
    }
    this.#doubts.set(provider, { vanished, since: at, times: 1 })
    if (doubt === undefined) {
      this.#observer.listShrank({ provider, held, vanished: vanished.size, believed: false })
    }
    return notBelieved(shrunk)
  }

  /** Forgets what was doubted of providers that are no longer asked. */
  keep(isAsked: (provider: string) => boolean): void {
    for (const provider of [...this.#doubts.keys()]) if (!isAsked(provider)) this.#doubts.delete(provider)
  }

  /** What was evicted, or is not to come from there any more, has not vanished from the list, and does not change what it says. */
  #isSame(doubt: Doubt, vanished: ReadonlySet<string>, provider: string): boolean {
    if (vanished.size === 0 || !vanished.isSubsetOf(doubt.vanished)) return false
    for (const name of doubt.vanished) if (!vanished.has(name) && this.#isHeld(name, provider)) return false
    return true
  }
}

function notBelieved({ provider, held, vanished, intervalMs }: Shrunk): ProviderError {
  const message =
    `${provider}: its list lacks ${vanished.size} of the ${held} secrets that are held from it. That is taken for a ` +
    `fault of the backend until it has said the same ${timesToBelieve} times over at least ${intervalMs} ms. Check ` +
    'what the backend lists; if they were deleted on purpose, there is nothing to do.'
  return new ProviderError('unavailable', 'vanished', message)
}
