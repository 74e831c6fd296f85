import { isJsonObject } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { isSecretName } from './key.ts'

export interface Metadata {
  readonly name: string
  /**
   * Changes whenever anything of the object does, and when it is deleted and made again. It changes with labels and
   * managed fields too: good for telling that something may have changed, and too restless for a secret's version.
   */
  readonly stamp: string
  readonly resourceVersion: string
}

/** What stands for a Secret that is not there. */
export const absent = 'absent'

/** Throws `Malformed`. */
export function metadataOf(object: Record<string, unknown>): Metadata {
  const { metadata } = object
  if (!isJsonObject(metadata)) throw new Malformed('an object in it has no metadata')
  const { name, uid } = metadata
  if (typeof name !== 'string' || !isSecretName(name))
    throw new Malformed('an object in it has no valid name')
  const resourceVersion = versionOf(metadata)
  return { name, resourceVersion, stamp: `${typeof uid === 'string' ? uid : ''} ${resourceVersion}` }
}

/** The resourceVersion of an object, a list or a bookmark. Throws `Malformed`. */
export function versionOf(metadata: unknown): string {
  const version = isJsonObject(metadata) ? metadata.resourceVersion : undefined
  if (typeof version !== 'string' || !/^[!-~]{1,256}$/.test(version)) {
    throw new Malformed('it has no resourceVersion')
  }
  return version
}
