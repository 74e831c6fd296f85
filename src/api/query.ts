import { CodedError } from '../errors.ts'

/**
 * Query parameters as JSON Schema, in the few forms that the routes use: the OpenAPI document shows these very objects
 * and `parseQuery` interprets them. A general validator would be the larger part of what is loaded at start.
 */
export type QueryParameter = { readonly description: string } & (
  | { readonly type: 'string'; readonly enum?: readonly string[]; readonly maxLength?: number }
  | { readonly type: 'string'; readonly pattern: string; readonly examples: readonly string[] }
  | { readonly type: 'boolean' }
  | { readonly type: 'array'; readonly items: { readonly type: 'string' } }
)

export type QueryParameters = Readonly<Record<string, QueryParameter>>

type ValueOf<P extends QueryParameter> = P extends { readonly type: 'boolean' }
  ? boolean
  : P extends { readonly type: 'array' }
    ? readonly string[]
    : P extends { readonly enum: readonly (infer Word)[] }
      ? Word
      : string

export type QueryOf<P extends QueryParameters> = { readonly [Name in keyof P]?: ValueOf<P[Name]> }

/** A query string as the router splits it: a repeated parameter is an array. */
export type RawQuery = Readonly<Record<string, string | string[]>>

const none = Object.freeze({})

/** Reads a query string by its schema. Throws SIDEKEEP_BAD_REQUEST for what the schema does not allow. */
export function parseQuery<P extends QueryParameters>(parameters: P, raw: RawQuery): QueryOf<P> {
  const names = Object.keys(raw)
  if (names.length === 0) return none
  const values: Record<string, string | boolean | readonly string[]> = {}
  for (const name of names) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (parameter === undefined) throw badRequest(unknownParameter(name, Object.keys(parameters)))
    values[name] = parseValue(name, parameter, raw[name] ?? '')
  }
  return values as QueryOf<P>
}

function parseValue(
  name: string,
  parameter: QueryParameter,
  raw: string | string[],
): string | boolean | string[] {
  if (parameter.type === 'array') return typeof raw === 'string' ? [raw] : raw
  if (typeof raw !== 'string') throw badRequest(`The query parameter "${name}" may be given only once.`)
  if (parameter.type === 'boolean') return parseBoolean(name, raw)
  if ('pattern' in parameter) return parsePatterned(name, parameter, raw)
  if (parameter.enum !== undefined && !parameter.enum.includes(raw)) {
    throw badRequest(`The query parameter "${name}" is one of: ${parameter.enum.join(', ')}.`)
  }
  if (parameter.maxLength !== undefined && raw.length > parameter.maxLength) {
    throw badRequest(`The query parameter "${name}" is longer than ${parameter.maxLength} characters.`)
  }
  return raw
}

function parsePatterned(
  name: string,
  { pattern, examples }: { readonly pattern: string; readonly examples: readonly string[] },
  raw: string,
): string {
  if (new RegExp(pattern).test(raw)) return raw
  throw badRequest(`The query parameter "${name}" is something like ${examples.join(', ')}.`)
}

/** `?verbose` alone is true, as with the Kubernetes API server. */
function parseBoolean(name: string, raw: string): boolean {
  if (raw === '' || raw === 'true' || raw === '1') return true
  if (raw === 'false' || raw === '0') return false
  throw badRequest(`The query parameter "${name}" is true or false.`)
}

function unknownParameter(name: string, known: readonly string[]): string {
  const remedy = known.length === 0 ? 'This route takes none.' : `This route takes: ${known.join(', ')}.`
  return `There is no query parameter "${name}" here. ${remedy}`
}

function badRequest(detail: string): CodedError {
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}
