import type { FileConfig } from '../config/schema/files.ts'
import type { Standing, Standings } from '../secrets/standings.ts'
import type { FileSecret } from './content.ts'
import type { LastValues } from './last-values.ts'
import type { Selection } from './selection.ts'

/** A secret that is to be in a file, with its version. */
export interface Included {
  readonly secret: FileSecret
  readonly version: string
  /** What it was taken in as: one that was deleted and made again may have the version of another value. */
  readonly origin: object
}

/** What a file is to hold, as the cache says at one moment. */
export type Look =
  /** By name, in the order of the names. */
  | {
      readonly kind: 'whole'
      readonly secrets: ReadonlyMap<string, Included>
      /** Whether some expired while the process stood still: whether they stay is known once they were fetched again. */
      readonly isInDoubt: boolean
    }
  /** Nothing can be said before these are known. */
  | { readonly kind: 'waiting'; readonly secrets: readonly string[] }
  /** Secrets that are in the file are not held, and nobody says that they are gone. */
  | { readonly kind: 'incomplete'; readonly secrets: readonly string[] }
  /** A secret without which it is no file is not served any more: nothing is to lie there. */
  | { readonly kind: 'absent'; readonly cause: 'gone' | 'expired' }
  /** A secret without which it is no file is not there: what lies there, or nothing, stays. */
  | { readonly kind: 'unmade'; readonly secrets: readonly string[] }

export interface LookOptions {
  readonly selection: Selection
  readonly removeWhen: FileConfig['removeWhen']
  readonly standings: Pick<Standings, 'of' | 'names' | 'unsettled'>
  /** Where what is gone stays in the file. */
  readonly lastValues: LastValues | undefined
}

/**
 * What is to be in the file now. Good for this turn of the event loop: values are the cache's own.
 *
 * @param before the names that are in it; undefined before the first publication
 * @param isGone whether its provider has said of a secret that it is gone; that is remembered for longer than the cache does
 */
export function look(
  { selection, removeWhen, standings, lastValues }: LookOptions,
  before: ReadonlySet<string> | undefined,
  isGone: (name: string) => boolean,
): Look {
  if (before === undefined) {
    const secrets = [...new Set(selection.wanted.flatMap((wanted) => standings.unsettled(wanted)))]
    if (secrets.length > 0) return { kind: 'waiting', secrets }
  }
  const found = new Map<string, Included>()
  const unknown: string[] = []
  const lacking: string[] = []
  let isInDoubt = false
  let absent: 'gone' | 'expired' | undefined
  for (const name of namesOf(selection, standings, before, lastValues)) {
    const standing = goneOr(standings.of(name), name, isGone)
    const included = include(name, standing)
    if (included !== undefined) found.set(name, included)
    else if (isRemoved(standing)) absent ??= standing.kind === 'expired' ? 'expired' : 'gone'
    else if (before?.has(name) && standing.kind !== 'missing') unknown.push(name)
    else lacking.push(name)
  }
  if (unknown.length > 0) return { kind: 'incomplete', secrets: unknown }
  if (selection.needsAll && absent !== undefined) return { kind: 'absent', cause: absent }
  if (selection.needsAll && lacking.length > 0) return { kind: 'unmade', secrets: lacking }
  return { kind: 'whole', secrets: found, isInDoubt }

  function include(name: string, standing: Standing): Included | undefined {
    if (standing.kind === 'held' || (standing.kind === 'expired' && stays(name, standing.overslept))) {
      const { secret } = standing
      lastValues?.keep(name, secret.version, secret)
      return { secret, version: secret.version, origin: secret }
    }
    return standing.kind === 'missing' ? lastValues?.recall(name) : undefined
  }

  /**
   * Where `expired` removes, nothing leaves a file for a pause of ours, and nothing that expired in one is put into it anew.
   * Where it does not, what has expired is as good as any: it stays, and is put into a file that did not have it.
   */
  function stays(name: string, overslept: boolean): boolean {
    if (!removeWhen.includes('expired')) return true
    if (!overslept || before?.has(name) !== true) return false
    isInDoubt = true
    return true
  }

  function isRemoved(standing: Standing): boolean {
    const { kind } = standing
    return (kind === 'expired' && !standing.overslept) || (kind === 'missing' && removeWhen.includes('gone'))
  }
}

function goneOr(standing: Standing, name: string, isGone: (name: string) => boolean): Standing {
  return standing.kind === 'undiscovered' && isGone(name) ? { kind: 'missing' } : standing
}

/** All names that may be in the file, in order, so that the same secrets always make the same file. */
function namesOf(
  { names, covers, isOpen }: Selection,
  standings: LookOptions['standings'],
  before: ReadonlySet<string> | undefined,
  lastValues: LastValues | undefined,
): string[] {
  const all = new Set(names)
  if (isOpen) {
    for (const name of standings.names(covers)) all.add(name)
    for (const name of before ?? []) all.add(name)
    for (const name of lastValues?.names() ?? []) if (covers(name)) all.add(name)
  }
  return [...all].sort((a, b) => (a < b ? -1 : 1))
}
