import { type Found, unusable } from './found.ts'

/** A member of the credentials that has to be there. Throws a ProviderError that names it. */
export function text(found: Found, name: string): string {
  const value = own(found, name)
  if (typeof value !== 'string' || value === '') throw unusable(found, `has no ${name}.`)
  return value
}

/** A member of the credentials, where it is there, under its own name. Throws where it is no string. */
export function optionalText<Name extends string>(found: Found, name: Name): { [name in Name]?: string } {
  const value = own(found, name)
  if (value === undefined || value === null) return {}
  if (typeof value !== 'string') throw unusable(found, `has a ${name} that is no string.`)
  const members: { [name in Name]?: string } = {}
  members[name] = value
  return members
}

/** A URL in the credentials, over HTTP or HTTPS; undefined where it is not there. Throws where it is none. */
export function optionalUrl(found: Found, name: string): URL | undefined {
  const value = own(found, name)
  if (value === undefined || value === null) return undefined
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw unusable(found, `has a ${name} that is no URL.`)
  return url
}

function own({ json }: Found, name: string): unknown {
  return Object.hasOwn(json, name) ? json[name] : undefined
}
