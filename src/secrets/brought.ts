import type { Fetched, Unchanged } from './provider.ts'
import { ProviderError } from './provider.ts'

/** What a list has for one key. */
export type Listed = Fetched | ProviderError
/** What came of asking for one key. */
export type Brought = Listed | Unchanged

/** Whether the backend only said that what is held is current still. */
export function isUnchanged(brought: Brought): brought is Unchanged {
  return 'unchanged' in brought && brought.unchanged
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
