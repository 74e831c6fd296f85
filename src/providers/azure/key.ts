/** What the configuration's key names: the latest version of a secret, or one of its versions. */
export interface VaultKey {
  readonly name: string
  readonly version: string | undefined
}

/** The name of an object, and its version (Azure Key Vault, "Objects, identifiers, and versioning"). */
const form = /^([0-9a-zA-Z-]{1,127})(?:\/([0-9a-fA-F]{32}))?$/

/** Undefined for what no secret of any vault can be called. */
export function parseKey(key: string): VaultKey | undefined {
  const [, name, version] = form.exec(key) ?? []
  return name === undefined ? undefined : { name, version }
}

/** A version of the API that all clouds have; it only ever gains members. */
const apiVersion = '7.5'

/** What one page of a list holds; the API gives no more. */
const pageSize = 25

/** Path and query of one secret. Names and versions hold nothing that would have to be encoded. */
export function secretPath({ name, version }: VaultKey): string {
  return `/secrets/${name}${version === undefined ? '' : `/${version}`}?api-version=${apiVersion}`
}

/** Path and query of the first page of the list. */
export const listPath = `/secrets?api-version=${apiVersion}&maxresults=${pageSize}`

/** Path and query of a request that is made to be told who may sign it. */
export const challengePath = `/secrets?api-version=${apiVersion}&maxresults=1`

/** Name and version in an identifier `https://VAULT/secrets/NAME[/VERSION]`. */
export function parseId(id: unknown): VaultKey | undefined {
  if (typeof id !== 'string') return undefined
  const [, name, version] =
    /^https?:\/\/[^/?#]+\/secrets\/([0-9a-zA-Z-]{1,127})(?:\/([0-9a-zA-Z]{1,64}))?$/.exec(id) ?? []
  return name === undefined ? undefined : { name, version }
}
