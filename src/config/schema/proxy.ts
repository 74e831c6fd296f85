import { isIP } from 'node:net'
import * as z from 'zod/mini'
import { parseListen } from '../listen.ts'
import { count, duration, listen, rate, text } from './fields.ts'
import { option, section } from './option.ts'

const upstreamExpected = "the application's origin, such as http://127.0.0.1:8081, or unix:/run/app.sock"
const rangeExpected = 'an address range such as 10.0.0.0/8, or one address'
const byExpected = 'client-ip, none or header:NAME'
const exemptExpected = 'a path such as /healthz, or the beginning of one with a trailing *, such as /static/*'

const upstream = option(
  z.string({ error: upstreamExpected }).check(z.refine(isUpstream, { error: upstreamExpected })),
  { type: 'origin', pattern: /^(?:https?:\/\/[^/?#@]+\/?|unix:\/.+)$/ },
)

const range = option(z.string({ error: rangeExpected }).check(z.refine(isRange, { error: rangeExpected })), {
  pattern: /^[0-9A-Fa-f:.]+(?:\/[0-9]{1,3})?$/,
})

/** Whom a limit counts by. */
export type LimitKey =
  | { readonly by: 'client-ip' }
  /** One budget for all. */
  | { readonly by: 'none' }
  /** `name` is in lower case. */
  | { readonly by: 'header'; readonly name: string }

const limitKey = z.codec(
  text(/^(?:client-ip|none|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$/, byExpected),
  z.custom<LimitKey>(),
  {
    decode: (written): LimitKey =>
      written === 'client-ip' || written === 'none'
        ? { by: written }
        : { by: 'header', name: written.slice('header:'.length).toLowerCase() },
    encode: (key) => (key.by === 'header' ? `header:${key.name}` : key.by),
  },
)

const rule = section({
  name: option(
    text(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,63})$/, 'a name of 1 to 64 letters, digits, ".", "_" and "-"'),
    {
      description: 'What logs and metrics call the limit.',
      type: 'string',
      example: 'per-client',
    },
  ),
  key: option(z.prefault(limitKey, 'client-ip'), {
    description:
      'Whom it counts by: each client address, each value of a header (`header:NAME`), or everyone together (`none`).',
    type: '`client-ip`, `none` or `header:NAME`',
    example: 'header:X-Api-Key',
  }),
  rate: option(rate(), { description: 'How many requests pass in the long run.', example: '100/s' }),
  burst: option(z.optional(count(1, 1_000_000)), {
    description: 'How many requests pass at once after a pause.',
    fallback: 'the rate of one second, at least 1',
    example: 20,
  }),
  mode: option(z.prefault(z.enum(['enforce', 'shadow']), 'enforce'), {
    description: 'Whether to refuse what exceeds the limit, or only to count it, for trying a limit out.',
    example: 'shadow',
  }),
})

export type LimitConfig = Omit<z.output<typeof rule>, 'burst'> & { burst: number }

const limit = z.codec(rule, z.custom<LimitConfig>(), {
  decode: (written) => ({ ...written, burst: written.burst ?? Math.max(1, Math.ceil(written.rate)) }),
  encode: (config) => config,
})

const timeouts = section({
  connect: option(z.prefault(duration({ min: '1ms', max: '5m' }), '2s'), {
    description: 'How long connecting to the upstream may take.',
    example: '500ms',
  }),
  headers: option(z.prefault(duration({ min: '1ms', max: '1h' }), '30s'), {
    description: 'How long the upstream may take until its answer begins.',
    example: '10s',
  }),
  idle: option(z.prefault(duration({ min: '1ms', max: '1h' }), '60s'), {
    description: 'How long an answer under way may pause.',
    example: '5m',
  }),
})

export const proxy = section({
  listen: option(listen(), {
    description: 'Where the world reaches the application.',
    example: '0.0.0.0:8080',
  }),
  upstream: option(upstream, {
    description: 'Where the application itself listens. The path of a request is kept.',
    example: 'http://127.0.0.1:8081',
  }),
  trustedProxies: option(z.prefault(z.array(range, { error: 'a list of address ranges' }), []), {
    description:
      "The load balancers in front, whose `X-Forwarded-For` is believed. Anyone else's is dropped: clients could claim any address.",
    type: 'list of address ranges',
    example: ['10.0.0.0/8'],
  }),
  timeouts: option(z.prefault(timeouts, {}), { description: 'How long the upstream is waited for.' }),
  limits: option(z.prefault(z.array(limit, { error: 'a list of limits' }), []), {
    description: 'The limits; a request must pass all of them.',
    type: 'list of limits',
  }),
  exempt: option(
    z.prefault(z.array(text(/^\/[^*]*\*?$/, exemptExpected), { error: 'a list of paths' }), []),
    {
      description: 'Paths that no limit counts: exact, or with a trailing `*`.',
      type: 'list of paths',
      example: ['/healthz', '/static/*'],
    },
  ),
})

function isUpstream(written: string): boolean {
  if (written.startsWith('unix:')) return !('error' in parseListen(written))
  if (!/^https?:\/\/[^\s/?#@]+\/?$/.test(written) || !URL.canParse(written)) return false
  return new URL(written).port !== '0'
}

function isRange(written: string): boolean {
  const [address = '', bits, ...rest] = written.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || rest.length > 0) return false
  return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
