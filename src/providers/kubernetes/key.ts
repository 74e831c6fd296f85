/** What a key names: a whole Secret, or one entry of its data. */
export interface SecretKey {
  /** As it was asked for. */
  readonly key: string
  readonly name: string
  /** Undefined: all of them. */
  readonly entry: string | undefined
}

/** The name of a Secret is a DNS subdomain (RFC 1123), of 253 characters at the most. */
const namePattern = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/** What the API server takes for a key of `data`: never a path that leads elsewhere, since entries become files. */
const entryPattern = /^(?!\.\.)(?!\.$)[-._a-zA-Z0-9]{1,253}$/

export function isSecretName(name: string): boolean {
  return namePattern.test(name)
}

export function isEntryName(entry: string): boolean {
  return entryPattern.test(entry)
}

/** `secret-name` or `secret-name/entry`; undefined for what no Secret can be called. */
export function parseKey(key: string): SecretKey | undefined {
  const slash = key.indexOf('/')
  const name = slash < 0 ? key : key.slice(0, slash)
  const entry = slash < 0 ? undefined : key.slice(slash + 1)
  if (!isSecretName(name) || (entry !== undefined && !isEntryName(entry))) return undefined
  return { key, name, entry }
}
