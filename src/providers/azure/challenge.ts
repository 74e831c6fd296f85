/** What the vault's 401 says of how to sign in. */
export interface Challenge {
  /** What a token has to be for: `https://vault.azure.net`, without a slash at its end. */
  readonly resource: string
  /** The tenant that the vault trusts, where the challenge names one by its GUID. */
  readonly tenantId: string | undefined
}

/** Why a challenge is not followed; fixed words. */
export class ForeignChallenge extends Error {
  override readonly name = 'ForeignChallenge'
}

const parameter = /([a-z_]{1,32})="([^"]{0,1024})"/g

/** In lower case. */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

/**
 * Reads `Bearer authorization="https://…/TENANT", resource="https://vault.azure.net"` (or `scope="…/.default"`). Where
 * to sign in is the configuration's to say: what the challenge says of it counts for words alone.
 *
 * The resource must be the domain that the vault lies in: whoever answers in its place could otherwise have a token
 * made for another service of the tenant, and be sent that. An `expected` resource is one that the configuration names.
 *
 * Throws `ForeignChallenge`.
 */
export function readChallenge(
  header: string | undefined,
  vault: URL,
  expected: string | undefined,
): Challenge {
  if (header === undefined || !/^bearer /i.test(header)) {
    throw new ForeignChallenge('the vault asks for no Bearer token. Is url the address of a Key Vault')
  }
  const parameters = new Map<string, string>()
  for (const [, name = '', value = ''] of header.matchAll(parameter)) {
    if (!parameters.has(name)) parameters.set(name, value)
  }
  const asked = parameters.get('resource') ?? parameters.get('scope')?.replace(/\/\.default$/, '')
  const url = asked === undefined ? null : URL.parse(asked)
  if (asked === undefined || url === null) {
    throw new ForeignChallenge(
      'the vault does not say what a token has to be for. Is url the address of a Key Vault',
    )
  }
  const resource = withoutSlash(asked)
  if (expected !== undefined && resource !== withoutSlash(expected)) {
    throw new ForeignChallenge(
      'the vault asks for a token for another resource than the option resource names',
    )
  }
  if (expected === undefined && !isDomainOf(url, vault)) {
    throw new ForeignChallenge(
      `the vault asks for a token for something else than ${domainOf(vault)}, and none was asked for. Check url; where the vault's address does not tell its domain, name it in resource`,
    )
  }
  return {
    resource,
    tenantId: tenantOf(parameters.get('authorization') ?? parameters.get('authorization_uri')),
  }
}

/** A vault is `NAME.DOMAIN`, and tokens for it are for `https://DOMAIN`. */
function isDomainOf(resource: URL, vault: URL): boolean {
  const plain = resource.protocol === 'https:' && resource.username === '' && resource.password === ''
  return (
    plain &&
    resource.port === '' &&
    resource.pathname === '/' &&
    resource.search === '' &&
    resource.hash === '' &&
    resource.hostname === domainOf(vault)
  )
}

function domainOf({ hostname }: URL): string {
  return hostname.slice(hostname.indexOf('.') + 1)
}

function withoutSlash(resource: string): string {
  return resource.replace(/\/$/, '')
}

function tenantOf(authority: string | undefined): string | undefined {
  const tenant =
    authority === undefined ? undefined : URL.parse(authority)?.pathname.split('/')[1]?.toLowerCase()
  return tenant !== undefined && isGuid(tenant) ? tenant : undefined
}
