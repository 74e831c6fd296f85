import type { Lifetime } from './lifetime.ts'
import type { Fetched, Unchanged } from './provider.ts'
import { ProviderError } from './provider.ts'

/** What a list has for one key. */
export type Listed = Taken | ProviderError
/** What came of asking for one key. */
export type Brought = Listed | Unchanged

/** Whether the backend only said that what is held is current still. */
export function isUnchanged(brought: Brought): brought is Unchanged {
  return 'unchanged' in brought && brought.unchanged
}

/** What was brought, and where it is from where there were several places to ask. */
export interface Taken extends Fetched {
  readonly served?: Served
  readonly composed?: Composed
}

/** How long a value lives that is composed of others, from its confirmation on: that of its oldest part. */
export interface Composed extends Lifetime {
  /** When the newest of its parts was fetched, in milliseconds since the epoch. */
  readonly fetchedAt: number
}

/** Which of a secret's places brought it. */
export interface Served {
  readonly provider: string
  /** Counted from 0, the place that is asked first. */
  readonly place: number
  /** Why the first place did not; undefined where it did. */
  readonly instead: ProviderError | undefined
}

/** Overwrites what was brought and nobody takes: of one key, or of several. */
export function discard(answer: Brought | ReadonlyMap<string, Brought>): void {
  if (answer instanceof ProviderError || 'unchanged' in answer) return
  if ('value' in answer) answer.value.wipe()
  else for (const brought of answer.values()) discard(brought)
}

/** The same once more, with a value of its own: each is overwritten at its own time. */
export function copyOf<T extends Brought>(brought: T): T {
  return brought instanceof ProviderError || isUnchanged(brought)
    ? brought
    : { ...brought, value: brought.value.copy() }
}
