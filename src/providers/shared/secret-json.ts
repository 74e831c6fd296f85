/** The forms in which a backend of somebody's own gives secrets as JSON: a list, or a document for one. */
import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { isJsonObject, jsonNumber, jsonSecret, parseJson } from './json.ts'
import { Malformed } from './malformed.ts'

/**
 * A list of secrets in one of its three forms: `[{"name","value"}]`, `{"secrets":[…]}`, or a flat object of names and
 * values. Throws `Malformed` where the list as a whole cannot be trusted. What is wrong with one item alone is an error
 * of that key, so that one bad item does not take the others down.
 */
export function parseList(
  body: Buffer,
  maxSecrets: number,
  place: string,
): Map<string, Fetched | ProviderError> {
  const json = parseJson(body)
  const secrets = new Map<string, Fetched | ProviderError>()
  const add = (name: string, item: () => Fetched): void => {
    if (name === '' || !name.isWellFormed()) throw new Malformed('it has a name that is empty or not Unicode')
    if (secrets.has(name)) throw new Malformed('it has a name more than once')
    if (secrets.size === maxSecrets) {
      throw new Malformed(
        `it holds more than ${maxSecrets} secrets. Ask for less, or raise maxSecrets`,
        'oversized',
      )
    }
    secrets.set(name, orError(item, `${place}: the secret "${name}"`))
  }

  const items = itemsOf(json)
  if (items !== undefined) {
    for (const item of items) {
      if (!isJsonObject(item) || typeof item.name !== 'string') {
        throw new Malformed('it has an item that is no object with a "name"')
      }
      add(item.name, () => parseItem(item))
    }
    return secrets
  }
  if (!isJsonObject(json)) {
    throw new Malformed('it is neither a list of {"name","value"} nor an object of names and values')
  }
  for (const [name, value] of Object.entries(json)) add(name, () => ({ value: jsonSecret(value) }))
  return secrets
}

/** The document for one key: an object with `value` and the optional members. Throws `Malformed`. */
export function parseDocument(body: Buffer): Fetched {
  const json = parseJson(body)
  if (!isJsonObject(json)) throw new Malformed('it is no JSON object with a "value"')
  return parseItem(json)
}

/** `value` with the optional `encoding`, `version`, `ttl` and `lease`. */
function parseItem(item: Record<string, unknown>): Fetched {
  const version = versionOf(item.version)
  const ttlMs = lifetimeOf(item.ttl, 'ttl')
  const durationMs = lifetimeOf(item.lease, 'lease')
  return {
    value: secretOf(item.value, item.encoding),
    ...(version === undefined ? undefined : { version }),
    ...(ttlMs === undefined ? undefined : { ttlMs }),
    ...(durationMs === undefined ? undefined : { lease: { durationMs, renewable: false } }),
  }
}

function secretOf(value: unknown, encoding: unknown): SecretValue {
  if (value === undefined) throw new Malformed('it has no "value"')
  if (encoding === undefined || encoding === null || encoding === 'utf-8' || encoding === 'utf8')
    return jsonSecret(value)
  if (encoding !== 'base64') throw new Malformed('its "encoding" is not known; base64 is')
  if (typeof value !== 'string')
    throw new Malformed('its "value" is no string, although its "encoding" is base64')
  const bytes = Buffer.from(value, 'base64')
  // Node's decoder skips what is no base64, and would make a shorter secret of a broken one.
  if (bytes.toString('base64') !== value)
    throw new Malformed('its "value" is not valid base64 (RFC 4648, section 4)')
  return new SecretValue(bytes)
}

function versionOf(version: unknown): string | undefined {
  if (version === undefined || version === null || version === '') return undefined
  if (typeof version === 'string') return version
  if (typeof version === 'number') return String(version)
  if (JSON.isRawJSON(version)) return version.rawJSON
  // Its spelling may be lost, but a whole number has only one that anybody uses.
  const number = jsonNumber(version)
  if (Number.isSafeInteger(number)) return String(number)
  throw new Malformed('its "version" is neither a string nor a number')
}

/** Seconds become milliseconds. 0 is how backends say that there is no lifetime. */
function lifetimeOf(value: unknown, member: 'ttl' | 'lease'): number | undefined {
  if (value === undefined || value === null) return undefined
  const seconds = jsonNumber(value)
  if (seconds === undefined || seconds < 0 || !Number.isSafeInteger(Math.round(seconds * 1000))) {
    throw new Malformed(`its "${member}" is no number of seconds`)
  }
  return seconds === 0 ? undefined : Math.round(seconds * 1000)
}

function itemsOf(json: unknown): readonly unknown[] | undefined {
  if (Array.isArray(json)) return json
  if (!isJsonObject(json)) return undefined
  if (Array.isArray(json.secrets)) return json.secrets
  // A flat object may have a secret of that name; anything but a string there is a list that went wrong, and taking it
  // for a flat object would drop all that is held.
  if ('secrets' in json && typeof json.secrets !== 'string') {
    throw new Malformed('its "secrets" is no list of {"name","value"}')
  }
  return undefined
}

function orError(item: () => Fetched, place: string): Fetched | ProviderError {
  try {
    return item()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return new ProviderError('unavailable', error.reason, `${place} cannot be read: ${error.message}.`)
  }
}
