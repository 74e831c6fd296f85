/** What an API server writes: objects, lists, events and statuses, in JSON. */
import type { StoredSecret } from './fake-kubernetes-store.ts'

/** What stands about an object. Tools leave values there too, so a marker is among it. */
function metadataOf({ namespace, name, uid, revision, labels }: StoredSecret): object {
  return {
    name,
    namespace,
    uid,
    resourceVersion: String(revision),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels,
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': '{"stringData":{"password":"CANARY-annotation"}}',
    },
    managedFields: [{ manager: 'kubectl', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' }],
  }
}

/** `isBare`: without the data, as PartialObjectMetadata. An item of a list has no kind unless it is bare. */
export function objectOf(secret: StoredSecret, isBare: boolean, isItem = false): object {
  const metadata = metadataOf(secret)
  if (isBare) return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  const kind = isItem ? {} : { kind: 'Secret', apiVersion: 'v1' }
  const data = Object.keys(secret.data).length === 0 ? {} : { data: secret.data }
  return { ...kind, metadata, ...data, type: 'Opaque' }
}

export interface PageOf {
  readonly items: readonly StoredSecret[]
  readonly revision: number
  readonly next: string | undefined
  readonly isBare: boolean
}

export function listOf({ items, revision, next, isBare }: PageOf): object {
  return {
    kind: isBare ? 'PartialObjectMetadataList' : 'SecretList',
    apiVersion: isBare ? 'meta.k8s.io/v1' : 'v1',
    metadata: { resourceVersion: String(revision), ...(next !== undefined && { continue: next }) },
    items: items.map((item) => objectOf(item, isBare, true)),
  }
}

export function bookmarkOf(revision: number, isBare: boolean): object {
  const kind = isBare ? 'PartialObjectMetadata' : 'Secret'
  const metadata = { resourceVersion: String(revision), creationTimestamp: null }
  return { type: 'BOOKMARK', object: { kind, metadata } }
}

/** A Status, with a message that nobody may show. */
export function statusOf(code: number, reason: string, details: object = {}): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `CANARY-message of ${reason}`,
    reason,
    details,
    code,
  }
}
