import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { isJsonObject, jsonNumber, jsonSecret, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { parseId, type VaultKey } from './key.ts'
import { pemOfPkcs12 } from './pkcs12/pem.ts'

/** The vault's clock and ours need not agree to the second: a version that has just been set counts as valid. */
const clockSkew = 60_000

export interface Reading {
  /** For messages: the provider and the request. */
  readonly place: string
  /** Milliseconds since the epoch. */
  readonly wall: number
  /** Whether a PKCS#12 container becomes PEM. */
  readonly unpacks: boolean
}

/**
 * A secret as the vault gives it (a `SecretBundle`). Key Vault gives values outside of their `nbf` and `exp` too, for it
 * takes them for information; whoever set them does not, so they are *denied* here. Rejects with `Malformed`, and with a
 * ProviderError where the secret is not to be used.
 */
export async function readSecret(
  body: Buffer,
  key: VaultKey,
  { place, wall, unpacks }: Reading,
): Promise<Fetched> {
  const bundle = parseJson(body)
  if (!isJsonObject(bundle) || typeof bundle.value !== 'string') throw new Malformed('it has no "value"')
  const id = parseId(bundle.id)
  if (id?.version === undefined || !isSame(id.name, key.name)) {
    throw new Malformed('its "id" is not that of the secret')
  }
  if (key.version !== undefined && !isSame(id.version, key.version)) {
    throw new Malformed('its "id" is that of another version')
  }
  const left = timeLeft(readAttributes(bundle.attributes), place, wall)
  const isPacked = unpacks && isPkcs12(bundle.contentType)
  return {
    value: isPacked ? await pemOfPkcs12(bundle.value) : jsonSecret(bundle.value),
    version: id.version,
    ...(left === undefined ? undefined : { ttlMs: left }),
  }
}

/** Key Vault pays no heed to case in names and versions. */
function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

/** What the vault says of a secret beside its value. Times are milliseconds since the epoch. */
export interface Attributes {
  readonly isEnabled: boolean
  readonly notBefore: number | undefined
  readonly expires: number | undefined
}

/** Throws `Malformed`. */
export function readAttributes(attributes: unknown): Attributes {
  if (attributes === undefined) return { isEnabled: true, notBefore: undefined, expires: undefined }
  if (!isJsonObject(attributes)) throw new Malformed('its "attributes" are no object')
  return {
    isEnabled: attributes.enabled !== false,
    notBefore: instant(attributes.nbf, 'nbf'),
    expires: instant(attributes.exp, 'exp'),
  }
}

/** Whether the value may be used at the time; lists leave the others out. */
export function isUsable({ isEnabled, notBefore, expires }: Attributes, wall: number): boolean {
  return isEnabled && (notBefore ?? 0) <= wall + clockSkew && (expires ?? Number.POSITIVE_INFINITY) > wall
}

/** Milliseconds until the secret expires, where it does. */
function timeLeft(attributes: Attributes, place: string, wall: number): number | undefined {
  const { isEnabled, notBefore, expires } = attributes
  const denied = (words: string): ProviderError =>
    new ProviderError('denied', 'denied', `${place}: ${words}.`)
  if (!isEnabled) throw denied('the secret is disabled. Enable it, or name a version that is')
  if (expires !== undefined && expires <= wall) {
    throw denied(
      `the secret has expired (exp, ${date(expires)}). Set another version, or move its expiration date`,
    )
  }
  if (!isUsable(attributes, wall)) {
    throw denied(
      `the secret is not valid yet (nbf, ${date(notBefore ?? 0)}). Wait, or move its activation date`,
    )
  }
  return expires === undefined ? undefined : expires - wall
}

/** Seconds since the epoch, as milliseconds. */
function instant(value: unknown, member: 'nbf' | 'exp'): number | undefined {
  if (value === undefined || value === null) return undefined
  const seconds = jsonNumber(value)
  if (seconds === undefined || !(seconds >= 0) || seconds > longestInstant) {
    throw new Malformed(`its "${member}" is no time`)
  }
  return seconds * 1000
}

/** Seconds: what a date of JavaScript can hold (ECMAScript, "Time Values and Time Range"). */
const longestInstant = 8_640_000_000_000

function date(ms: number): string {
  return new Date(ms).toISOString()
}

function isPkcs12(contentType: unknown): boolean {
  return typeof contentType === 'string' && contentType.trim().toLowerCase() === 'application/x-pkcs12'
}
