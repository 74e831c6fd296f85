import type { CallOutcome } from './observer.ts'
import { ProviderError } from './provider.ts'

/** How one run of a unit ended for one secret. */
export type SecretOutcome = 'loaded' | 'rotated' | 'unchanged' | 'missing' | ProviderError

/** How one run of a unit ended. */
export interface RunOutcome {
  /** The secrets that the run said something of. */
  readonly secrets: ReadonlyMap<string, SecretOutcome>
  /** Why the call as a whole brought nothing, for whichever secret. */
  readonly failure?: ProviderError
  /** What the provider said where it does not have the key that was asked for. */
  readonly absence?: ProviderError
  /** When the provider was called, on the monotonic clock; undefined where it was not. */
  readonly calledAt?: number | undefined
}

export function outcomeOf({ secrets, failure }: RunOutcome, name: string): SecretOutcome {
  return secrets.get(name) ?? failure ?? 'missing'
}

/** What runs end with once the sidecar stops. */
export function stopping(): RunOutcome {
  return givenUp('the sidecar is stopping')
}

/** What a run ends with whose secrets are no longer asked for there. */
export function detached(): RunOutcome {
  return givenUp('the configuration changed while it was being fetched: ask again')
}

function givenUp(message: string): RunOutcome {
  return { secrets: new Map(), failure: new ProviderError('unavailable', 'aborted', message) }
}

export function firstError({ secrets }: RunOutcome): ProviderError | undefined {
  for (const outcome of secrets.values()) if (outcome instanceof ProviderError) return outcome
  return undefined
}

/** How the call as a whole looks to the metrics. */
export function callOutcome(run: RunOutcome): CallOutcome {
  const error = run.failure ?? firstError(run)
  if (error !== undefined) return error.kind
  const all = [...run.secrets.values()]
  if (all.length > 0 && all.every((outcome) => outcome === 'missing')) return 'missing'
  return all.some((outcome) => outcome === 'loaded' || outcome === 'rotated') ? 'ok' : 'unchanged'
}
