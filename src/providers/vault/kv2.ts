import { hash } from 'node:crypto'
import type { Clock, Fetched, ProviderError, Unchanged } from '../../secrets/provider.ts'
import { isJsonObject, jsonNumber } from '../shared/json.ts'
import type { Authorized, Granted } from './authorized.ts'
import { failureOf, missing, unavailable } from './failure.ts'
import type { Mount } from './mounts.ts'
import type { Reply } from './reply.ts'
import { secretOf } from './secret-data.ts'

/** A secret of a KV engine of version 2. */
export interface Versioned {
  readonly mount: Mount
  /** Below the mount. */
  readonly path: string
  /** Where one is pinned. */
  readonly version: string | undefined
  /** The version that the heart has, where it has one. */
  readonly held: string | undefined
}

/** Secrets with versions: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 */
export class Kv2 {
  readonly #authorized: Authorized
  readonly #clock: Clock

  constructor(authorized: Authorized, clock: Clock) {
    this.#authorized = authorized
    this.#clock = clock
  }

  /** Rejects with a ProviderError; with `undefined` in place of one where there is no such path in the mount. */
  async fetch(secret: Versioned, signal: AbortSignal): Promise<Fetched | Unchanged | undefined> {
    const asked = await this.#askMetadata(secret, signal)
    if (asked !== undefined && isCurrent(asked.reply, secret)) return { unchanged: true }
    const data = await this.#read(secret, signal)
    // Had the token been dead, the data had been denied too, or had been got with another one.
    if (asked?.reply.status === 403 && asked.token === data.token) {
      secret.mount.metadataDenied(this.#clock.now())
    }
    return fetchedOf(data.reply, secret)
  }

  /** The metadata, where it can save reading the value; also where it was denied, since that is another right. */
  async #askMetadata(secret: Versioned, signal: AbortSignal): Promise<Granted | undefined> {
    const { mount, path, held } = secret
    if (held === undefined) return undefined
    if (!mount.mayReadMetadata(this.#clock.now())) return undefined
    const asked = { path: `${mount.path}metadata/${path}`, capabilities: ['read'] }
    const granted = await this.#authorized.tryOnce(asked, signal)
    const { status } = granted.reply
    if (status === 429 || status >= 500) throw failureOf(granted.reply)
    return granted
  }

  async #read({ mount, path, version }: Versioned, signal: AbortSignal): Promise<Granted> {
    const query = version === undefined ? undefined : `version=${version}`
    return await this.#authorized.ask(
      { path: `${mount.path}data/${path}`, capabilities: ['read'], ...(query !== undefined && { query }) },
      signal,
    )
  }
}

/** A version stays the current one when it is deleted, and one that is to be deleted may be by now: that is read. */
function isCurrent(reply: Reply, { version, held }: Versioned): boolean {
  const data = reply.envelope?.data
  if (reply.status !== 200 || data === undefined) return false
  const current = version ?? numberOf(data.current_version)
  if (current === undefined || !isJsonObject(data.versions) || !Object.hasOwn(data.versions, current))
    return false
  const entry = data.versions[current]
  if (!isJsonObject(entry) || nameOf(current, entry.created_time) !== held) return false
  return entry.deletion_time === '' && entry.destroyed === false
}

/**
 * What a version is called here: its number, and a mark of when it was made. The number alone does not tell, since a
 * secret that is removed with its metadata and written anew begins at 1 again.
 */
function nameOf(number: string, createdTime: unknown): string {
  return `${number}-${hash('sha256', String(createdTime), 'hex').slice(0, 8)}`
}

function fetchedOf(reply: Reply, secret: Versioned): Fetched | undefined {
  const { status, place, envelope } = reply
  const metadata = metadataOf(reply)
  if (reply.isNothing) return undefined
  // Its own null, beside metadata: a 404 of another form tells of no version.
  if (status === 404 && metadata !== undefined && hasNoData(reply)) throw isGone(metadata, place)
  if (status !== 200) throw failureOf(reply)
  const version = numberOf(metadata?.version)
  const data = envelope?.data?.data
  if (!isJsonObject(data) || version === undefined) {
    const words = 'the answer is none of a KV engine of version 2. Check kvVersion.'
    throw unavailable(place, 'malformed', words)
  }
  if (secret.version !== undefined && secret.version !== version) {
    throw unavailable(place, 'malformed', 'the answer brings another version than the one asked for.')
  }
  return { value: secretOf(data, place), version: nameOf(version, metadata?.created_time) }
}

function metadataOf({ envelope }: Reply): Record<string, unknown> | undefined {
  const metadata = envelope?.data?.metadata
  return isJsonObject(metadata) ? metadata : undefined
}

function hasNoData({ envelope }: Reply): boolean {
  const data = envelope?.data
  return data !== undefined && Object.hasOwn(data, 'data') && data.data === null
}

function isGone(metadata: Record<string, unknown>, place: string): ProviderError {
  const version = numberOf(metadata.version)
  const which = version === undefined ? 'the version' : `version ${version}`
  return metadata.destroyed === true
    ? missing(place, `${which} was destroyed: its data is gone for good. Write a new version.`)
    : missing(place, `${which} was deleted. Undelete it (vault kv undelete), or write a new version.`)
}

/** A version as a whole number above 0, written. */
function numberOf(value: unknown): string | undefined {
  const number = jsonNumber(value)
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? String(number) : undefined
}
