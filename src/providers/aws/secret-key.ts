import { ProviderError } from '../../secrets/provider.ts'

/** A key of Secrets Manager: `NAME`, or its ARN, and after `?` one version, by its stage or by its id. */
export interface SecretKey {
  /** The name, the whole ARN, or an ARN without the six characters that AWS adds. */
  readonly id: string
  readonly stage?: string
  readonly version?: string
}

/** What a name may consist of, with the `!` of secrets that other services manage. `?` is not among it. */
const id = /^(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@!-]{1,519}$/
const stage = /^[\w/+=.@-]{1,256}$/
const version = /^[\w-]{32,64}$/

/** Undefined for what can be no key of any secret. */
export function parseSecretKey(key: string): SecretKey | undefined {
  const [before = '', selector, ...more] = key.split('?')
  if (!id.test(before) || more.length > 0) return undefined
  if (selector === undefined) return { id: before }
  const [, option, value = ''] = /^(stage|version)=(.*)$/s.exec(selector) ?? []
  if (option === 'stage' && stage.test(value)) return { id: before, stage: value }
  if (option === 'version' && version.test(value)) return { id: before, version: value }
  return undefined
}

/** Nothing is there under what can be no key. */
export function noKey(place: string, key: string): ProviderError {
  const words = `"${key}" can be the key of no secret: that is a name or an ARN, maybe with ?stage=STAGE or ?version=ID.`
  return new ProviderError('missing', 'not-found', `${place}: ${words}`)
}

/** How AWS names what it answers with. */
export interface Named {
  readonly ARN?: string | undefined
  readonly Name?: string | undefined
}

/** Whether that is what the id asks for: a partial ARN lacks a hyphen and six characters at its end. */
export function isNamed(id: string, { ARN, Name }: Named): boolean {
  if (id === Name || id === ARN) return true
  if (typeof ARN !== 'string' || !id.startsWith('arn:')) return false
  return ARN.length === id.length + 7 && ARN.startsWith(`${id}-`)
}
