import type { Served } from './brought.ts'
import type { SecretsObserver } from './observer.ts'
import type { Match } from './rules.ts'

/** Tells that another place than the first serves a secret, at each fetch, and once that the first does again. */
export function tellPlace(
  observer: Pick<SecretsObserver, 'fellBack' | 'cameBack'>,
  { name: secret, rule }: Match,
  before: Served | undefined,
  now: Served | undefined,
): void {
  if (now === undefined) return
  const { provider, place, instead } = now
  const isOther = before?.place !== place || before.provider !== provider
  if (instead !== undefined) {
    observer.fellBack({ secret, provider, first: rule.provider, error: instead, begins: isOther })
  } else if (before !== undefined && before.place > 0) {
    observer.cameBack({ secret, provider, from: before.provider })
  }
}
