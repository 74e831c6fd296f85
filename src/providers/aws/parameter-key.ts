import { ProviderError } from '../../secrets/provider.ts'

/** A key of the Parameter Store: a name or an ARN, and after a colon a version or a label. */
export interface ParameterKey {
  /** The parameter's name, whichever way it is named: what must not come twice in one call. */
  readonly name: string
  /** Whether a version or a label was picked. */
  readonly isPinned: boolean
}

/** A path begins with a slash. The further marks are those of secrets that are read through the Parameter Store. */
const name = /^(?:[\w.-]{1,1024}|\/[\w.+=@!/-]{1,1023})$/
const arn = /^arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter(?=\/)/
const selector = /^[\w.-]{1,100}$/

/** Undefined for what can be no key of any parameter. */
export function parseParameterKey(key: string): ParameterKey | undefined {
  const [base = '', picked, ...more] = key.replace(arn, '').split(':')
  if (!name.test(base) || more.length > 0) return undefined
  if (picked !== undefined && !selector.test(picked)) return undefined
  return { name: plainName(base), isPinned: picked !== undefined }
}

/** Nothing is there under what can be no key. */
export function noKey(place: string, key: string): ProviderError {
  const words = `"${key}" can be the key of no parameter: that is a name, with a slash at its beginning where it has any, or an ARN, maybe with :VERSION or :LABEL.`
  return new ProviderError('missing', 'not-found', `${place}: ${words}`)
}

/** The name of the parameter that AWS names so in an answer. */
export function parameterName(nameOrArn: string): string {
  return plainName(nameOrArn.replace(arn, ''))
}

/** In an ARN a slash stands before a name that has none too, and AWS takes both for the same. */
function plainName(base: string): string {
  return base.lastIndexOf('/') === 0 ? base.slice(1) : base
}
