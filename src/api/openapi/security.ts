import type { Access } from '../../access/access.ts'

interface BearerScheme {
  type: 'http'
  scheme: 'bearer'
  description: string
}

interface HeaderScheme {
  type: 'apiKey'
  in: 'header'
  name: string
  description: string
}

type Schemes = Record<string, BearerScheme | HeaderScheme>

/** What a listener wants of its callers, as OpenAPI says it: schemes by name. */
const schemesOf: Readonly<Record<Access['wants'], Schemes>> = {
  token: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      description: "A token of one of the listener's callers (RFC 6750, section 2.1).",
    },
    tokenHeader: {
      type: 'apiKey',
      in: 'header',
      name: 'X-Sidekeep-Token',
      description: 'The same token, for clients that use Authorization for something else. Not beside it.',
    },
  },
  header: {
    requestHeader: {
      type: 'apiKey',
      in: 'header',
      name: 'X-Sidekeep-Request',
      description: 'Always `true`. Proves that the caller can set headers, which a forged request cannot.',
    },
  },
  nothing: {},
}

/** The components of the document; any of the schemes does. */
export function securitySchemes(wants: Access['wants']): { securitySchemes?: Schemes } {
  return wants === 'nothing' ? {} : { securitySchemes: schemesOf[wants] }
}

/** What an operation behind the door says. */
export function security(wants: Access['wants']): {
  readonly security?: readonly Record<string, string[]>[]
} {
  const names = Object.keys(schemesOf[wants])
  return names.length === 0 ? {} : { security: names.map((name) => ({ [name]: [] })) }
}
