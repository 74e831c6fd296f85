import { METHODS } from 'node:http'
import * as z from 'zod/mini'
import { count, rate, text } from './fields.ts'
import { option, section } from './option.ts'

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const byExpected = 'client-ip, none, path, header:NAME or cookie:NAME, or a list of these'

/** What a limit tells clients apart by. */
export type LimitKey =
  | { readonly by: 'client-ip' }
  /** One budget for all. */
  | { readonly by: 'none' }
  | { readonly by: 'path' }
  /** `name` is in lower case. */
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'cookie'; readonly name: string }

const part = () => text(new RegExp(`^(?:client-ip|none|path|(?:header|cookie):${token})$`), byExpected)

const limitKey = () =>
  z.codec(
    z.union([part(), z.array(part(), { error: byExpected }).check(z.minLength(1, { error: byExpected }))], {
      error: byExpected,
    }),
    z.custom<readonly LimitKey[]>(),
    {
      decode: (written) => (typeof written === 'string' ? [written] : written).map(keyOf),
      encode: (keys) => {
        const [first, ...more] = keys.map(writtenAs)
        return first !== undefined && more.length === 0 ? first : keys.map(writtenAs)
      },
    },
  )

function keyOf(written: string): LimitKey {
  const colon = written.indexOf(':')
  if (colon < 0) return { by: written as 'client-ip' | 'none' | 'path' }
  const name = written.slice(colon + 1)
  // Names of headers do not know case (RFC 9110, section 5.1), those of cookies do.
  return written.startsWith('header:') ? { by: 'header', name: name.toLowerCase() } : { by: 'cookie', name }
}

function writtenAs(key: LimitKey): string {
  return 'name' in key ? `${key.by}:${key.name}` : key.by
}

export const pathExpected =
  'a path such as /healthz, or the beginning of one with a trailing *, such as /static/*'

/** What no path of a request has is in no pattern either: it would never match. */
export const pathPattern = () => text(/^(?!.*(?:\/\/|\/\.\.(?:\/|$)))\/[^*?#]*\*?$/, pathExpected)

const match = () =>
  section({
    path: option(z.optional(pathPattern()), {
      description:
        'The paths that the limit is for: one, or with a trailing `*` all that begin so. Compared without regard to case, to percent-encoding and to doubled slashes, since applications differ in these.',
      fallback: 'all',
      example: '/api/*',
    }),
    methods: option(
      z.optional(
        z
          .array(z.enum(METHODS, { error: 'a method in capitals, such as GET or POST' }), {
            error: 'a list of methods',
          })
          .check(z.minLength(1, { error: 'at least one method' })),
      ),
      {
        description: 'The methods that it is for. `GET` has `HEAD` too.',
        type: 'list of methods',
        fallback: 'all',
        example: ['POST'],
      },
    ),
  })

const mostBurst = 1_000_000

const rule = () =>
  section({
    name: option(
      text(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,63})$/, 'a name of 1 to 64 letters, digits, ".", "_" and "-"'),
      {
        description: 'What logs and metrics call the limit; each has another.',
        type: 'string',
        example: 'per-client',
      },
    ),
    match: option(z.prefault(match(), {}), { description: 'Which requests it counts.' }),
    key: option(z.prefault(limitKey(), 'none'), {
      description:
        'What has a budget of its own: each client address (`client-ip`; of IPv6 each /64), each value of a header (`header:NAME`) or a cookie (`cookie:NAME`), each path (`path`), each combination of several (a list), or nothing, so that there is one for all (`none`).',
      type: '`client-ip`, `none`, `path`, `header:NAME`, `cookie:NAME`, or a list',
      example: ['client-ip', 'path'],
    }),
    rate: option(rate(), { description: 'How many requests pass in the long run.', example: '100/s' }),
    burst: option(z.optional(count(1, mostBurst)), {
      description: 'How many requests pass at once after a pause.',
      fallback: 'the rate of one second, at least 1, at most 1000000',
      example: 20,
    }),
    mode: option(z.prefault(z.enum(['enforce', 'shadow']), 'enforce'), {
      description: 'Whether to refuse what exceeds the limit, or only to count it, for trying a limit out.',
      example: 'shadow',
    }),
    maxKeys: option(z.prefault(count(1, 10_000_000), 50_000), {
      description:
        'How many keys that owe something are remembered in memory, about 120 bytes each. While there are more, the new ones share one budget: nobody gains anything by changing keys.',
      example: 1000,
    }),
  })

function defaultBurst(rate: number): number {
  return Math.min(mostBurst, Math.max(1, Math.ceil(rate)))
}

export type LimitConfig = Omit<z.output<ReturnType<typeof rule>>, 'burst'> & { burst: number }

const limit = () =>
  z.codec(rule(), z.custom<LimitConfig>(), {
    decode: (written) => ({ ...written, burst: written.burst ?? defaultBurst(written.rate) }),
    encode: (config) => config,
  })

export const limits = () => z.array(limit(), { error: 'a list of limits' })
