import type { Entry } from './entry.ts'
import type { Fetched } from './provider.ts'
import { contentVersion, headerSafeVersion } from './secret.ts'

/** A rotation is a new version or, where the provider gives none, new content. */
export function isSame(held: NonNullable<Entry['held']>, fetched: Fetched): boolean {
  return held.providerVersion === fetched.version && held.secret.hasValue(fetched.value)
}

/** The version of a value that is taken in, fit for a header. */
export function versionOf(name: string, fetched: Fetched, previous: Entry['held']): string {
  if (fetched.version === undefined) return contentVersion(name, fetched.value)
  const version = headerSafeVersion(fetched.version)
  // A backend that changes the value under one version would else never reach a caller who compares versions.
  const reused = previous !== undefined && previous.providerVersion === fetched.version
  return reused ? `${version.slice(0, 100)}+${contentVersion(name, fetched.value)}` : version
}
