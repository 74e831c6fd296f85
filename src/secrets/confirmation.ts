/**
 * When a backend may say that what is held is current still, in place of the value, and when it is believed: else a
 * sidecar would serve for ever what nobody has vouched for.
 */
import type { Brought } from './brought.ts'
import { isUnchanged } from './brought.ts'
import type { SecretCache } from './cache.ts'
import type { HeldVersions } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Unit } from './unit.ts'

/**
 * The version of what is held of a key, where to hear that it is current is as good as to get it: each secret that the
 * key stands for has a value of that one version, from this very place. Undefined where somebody reported that a backend
 * refuses it, and where the place has never answered: what is held may come from the one before it.
 */
export function confirmable(unit: Unit, cache: SecretCache): string | undefined {
  if (unit.key === undefined || unit.succeededAt === undefined || unit.isDoubted) return undefined
  let version: string | undefined
  for (const { name } of unit.matches.values()) {
    const each = cache.entry(name)?.confirmable
    if (each === undefined || (version !== undefined && each !== version)) return undefined
    version = each
  }
  return version
}

/** By key what all who ask for it hold: a version is passed on only where it would do for each of them. */
export function heldByAll(
  asks: Iterable<readonly [key: string, held: string | undefined]>,
): HeldVersions | undefined {
  const held = new Map<string, string | undefined>()
  for (const [key, version] of asks) {
    held.set(key, !held.has(key) || held.get(key) === version ? version : undefined)
  }
  const offered = new Map<string, string>()
  for (const [key, version] of held) if (version !== undefined) offered.set(key, version)
  return offered.size === 0 ? undefined : offered
}

/** A provider called unchanged what it was not told of. The next fetch of the key tells it of nothing. */
export class Baseless extends ProviderError {
  constructor(name: string, key: string) {
    const message = `${name} called "${key}" unchanged, and was not told what is held of it: a fault of the provider`
    super('unavailable', 'internal', message)
  }
}

/** The answers, with an error in the place of each confirmation that nobody had asked for. */
export function withoutBaseless(
  name: string,
  answers: ReadonlyMap<string, Brought>,
  held: HeldVersions | undefined,
): Map<string, Brought> {
  const checked = new Map(answers)
  for (const [key, brought] of answers) {
    if (isUnchanged(brought) && held?.has(key) !== true) checked.set(key, new Baseless(name, key))
  }
  return checked
}
