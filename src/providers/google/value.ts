import type { Fetched } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { isJsonObject, jsonNumber, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { crc32c } from './crc32c.ts'
import { type Key, parseVersionName } from './key.ts'

/**
 * The value in an answer of `versions.access` (AccessSecretVersionResponse). Throws `Malformed`, which quotes nothing.
 */
export function valueIn(body: Buffer, key: Key): Fetched {
  const answer = parseJson(body)
  if (!isJsonObject(answer) || !isJsonObject(answer.payload)) throw new Malformed('it has no payload')
  const version = versionIn(answer.name, key)
  const { data, dataCrc32c } = answer.payload
  const bytes = base64(data)
  if (dataCrc32c !== undefined && checksum(dataCrc32c) !== crc32c(bytes)) {
    bytes.fill(0)
    throw new Malformed('its checksum is that of another value, so it was damaged on the way')
  }
  return { value: new SecretValue(bytes), version }
}

function versionIn(name: unknown, key: Key): string {
  const named = typeof name === 'string' ? parseVersionName(name) : undefined
  if (named === undefined) throw new Malformed('it does not name the version')
  const isAnother = named.secret !== key.secret || (/^\d/.test(key.version) && named.version !== key.version)
  if (isAnother) throw new Malformed('it is about another secret or version than was asked for')
  return named.version
}

/** RFC 4648, section 4. Secret Manager takes no value without bytes, so that none is here either. */
function base64(data: unknown): Buffer {
  if (data === undefined || data === null || data === '') throw new Malformed('its payload has no data')
  // Buffer drops what is no base64 without a word.
  if (typeof data !== 'string' || data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(data)) {
    throw new Malformed('its data is not base64')
  }
  return Buffer.from(data, 'base64')
}

/** An int64, which ProtoJSON writes as a string. */
function checksum(written: unknown): number | undefined {
  return typeof written === 'string' && /^\d{1,19}$/.test(written) ? Number(written) : jsonNumber(written)
}
