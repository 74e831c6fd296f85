import { isJsonObject, jsonNumber, parseJson } from '../../shared/json.ts'
import { Malformed } from '../../shared/malformed.ts'
import { absent, metadataOf, versionOf } from '../metadata.ts'

export type WatchEvent =
  /** A Secret was added, changed or deleted (then its stamp is `absent`). */
  | { readonly type: 'object'; readonly name: string; readonly stamp: string; readonly version: string }
  /** Nothing else happened up to this version. */
  | { readonly type: 'bookmark'; readonly version: string }
  /** The version to go on from is too old: what is there has to be listed anew. */
  | { readonly type: 'gone' }
  /** The server gives the watch up. `retryAfterMs`: how long it asks us to wait. */
  | { readonly type: 'failed'; readonly retryAfterMs: number | undefined }

/**
 * One line of a watch (kubernetes.io, "Kubernetes API Concepts"). Only what stands about an object is looked at, also where
 * its data came along. Throws `Malformed`.
 */
export function parseEvent(line: Buffer): WatchEvent {
  const json = parseJson(line)
  if (!isJsonObject(json) || !isJsonObject(json.object)) throw new Malformed('it is no event of a watch')
  const { type, object } = json
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const { name, stamp, resourceVersion: version } = metadataOf(object)
      return { type: 'object', name, stamp: type === 'DELETED' ? absent : stamp, version }
    }
    case 'BOOKMARK':
      return { type: 'bookmark', version: versionOf(object.metadata) }
    case 'ERROR':
      return errorOf(object)
    default:
      throw new Malformed('it is an event of a type that is not known')
  }
}

function errorOf(status: Record<string, unknown>): WatchEvent {
  if (jsonNumber(status.code) === 410 || status.reason === 'Expired' || status.reason === 'Gone') {
    return { type: 'gone' }
  }
  const seconds = isJsonObject(status.details) ? jsonNumber(status.details.retryAfterSeconds) : undefined
  const isSane = seconds !== undefined && seconds > 0 && seconds <= 3600
  return { type: 'failed', retryAfterMs: isSane ? seconds * 1000 : undefined }
}
