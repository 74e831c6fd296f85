import { isIP } from 'node:net'
import * as z from 'zod/mini'
import { parseListen } from '../listen.ts'
import { count, duration, flag, listen, rate, size, source } from './fields.ts'
import { limitStore } from './limit-store.ts'
import { limits, pathPattern } from './limits.ts'
import { option, section } from './option.ts'
import { fileOrSecret } from './secret-place.ts'

const upstreamExpected = "the application's origin, such as http://127.0.0.1:8081, or unix:/run/app.sock"
const rangeExpected = 'an address range such as 10.0.0.0/8, or one address'

const upstream = () =>
  option(z.string({ error: upstreamExpected }).check(z.refine(isUpstream, { error: upstreamExpected })), {
    type: 'origin',
    pattern: /^(?:https?:\/\/[^/?#@]+\/?|unix:\/.+)$/,
  })

const range = () =>
  option(z.string({ error: rangeExpected }).check(z.refine(isRange, { error: rangeExpected })), {
    pattern: /^[0-9A-Fa-f:.]+(?:\/[0-9]{1,3})?$/,
  })

const timeouts = () =>
  section({
    connect: option(z.prefault(duration({ min: '1ms', max: '5m' }), '2s'), {
      description: 'How long connecting to the upstream may take.',
      example: '500ms',
    }),
    headers: option(z.prefault(duration({ min: '1ms', max: '1h' }), '30s'), {
      description: 'How long the upstream may take until its answer begins.',
      example: '10s',
    }),
    idle: option(z.prefault(duration({ min: '1ms', max: '1h' }), '60s'), {
      description: 'How long the body of a request or of an answer may pause.',
      example: '5m',
    }),
    request: option(z.prefault(duration({ max: '7d' }), '0s'), {
      description:
        'How long a request may take in all, from its head to the last byte of its answer, the time in the queue too; 0: as long as it moves.',
      example: '2m',
    }),
    upgraded: option(z.prefault(duration({ min: '1ms', max: '7d' }), '1h'), {
      description: 'How long a WebSocket may be silent in both directions.',
      example: '5m',
    }),
  })

const tls = () =>
  section({
    cert: option(fileOrSecret(), {
      description: 'The certificate with those that lead to its authority, in PEM.',
      example: { secret: 'shared/tls', field: 'tls.crt' },
    }),
    key: option(fileOrSecret(), {
      description: 'Its private key, in PEM.',
      example: { secret: 'shared/tls', field: 'tls.key' },
    }),
    clientCa: option(z.optional(fileOrSecret()), {
      description:
        'The authorities of client certificates, in PEM. Whoever has no valid certificate of theirs cannot connect.',
      fallback: 'no client certificate is asked for',
      example: '/etc/sidekeep/tls/ca.crt',
    }),
  })

export type ProxyTlsConfig = z.output<ReturnType<typeof tls>>

const concurrency = () =>
  section({
    max: option(z.prefault(count(0, 1_000_000), 512), {
      description:
        'How many requests may be with the application at once; 0: any number. A WebSocket counts until it is one.',
      example: 64,
    }),
    queue: option(z.prefault(count(0, 1_000_000), 128), {
      description: 'How many more may wait for their turn. Beyond it they are answered 503.',
      example: 0,
    }),
    queueTimeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '1s'), {
      description: 'How long one may wait before it is answered 503.',
      example: '200ms',
    }),
  })

const access = () =>
  section({
    log: option(z.prefault(z.enum(['none', 'errors', 'sampled', 'all']), 'sampled'), {
      description:
        'Which requests get a line: none; those answered with a 5xx or an error of the proxy itself (`errors`); all, but of each kind at most `sampleRate` (`sampled`); every one.',
      example: 'errors',
    }),
    path: option(z.prefault(flag(), false), {
      description:
        'Whether a line has the path, without its query. Off by default: paths hold names, and links that are as good as a password.',
      example: true,
    }),
    sampleRate: option(z.prefault(rate(), '10/s'), {
      description:
        'How many lines `sampled` writes for errors, and again as many for the rest. The next line says how many were left out.',
      example: '1/s',
    }),
  })

const upstreamTls = () =>
  section({
    ca: option(z.optional(source('text')), {
      description: 'The authorities that the certificate may come from, in PEM, in place of the usual ones.',
      fallback: 'those that Node trusts; in the image those in `/etc/ssl/certs`',
      example: { file: '/etc/sidekeep/app-ca.crt' },
    }),
    serverName: option(z.optional(z.string().check(z.minLength(1), z.maxLength(253))), {
      description: 'The name that the certificate must be for.',
      fallback: 'the host of `upstream`',
      example: 'app.internal',
    }),
  })

export const proxy = () =>
  section({
    listen: option(listen(), {
      description: 'Where the world reaches the application.',
      example: '0.0.0.0:8080',
    }),
    upstream: option(upstream(), {
      description: 'Where the application itself listens. The path of a request is kept.',
      example: 'http://127.0.0.1:8081',
    }),
    upstreamTls: option(z.prefault(upstreamTls(), {}), {
      description: 'What an `https` upstream must prove. It is always checked.',
    }),
    trustedProxies: option(z.prefault(z.array(range(), { error: 'a list of address ranges' }), []), {
      description:
        "The load balancers in front, whose `X-Forwarded-For` is believed. Anyone else's is dropped: clients could claim any address.",
      type: 'list of address ranges',
      example: ['10.0.0.0/8'],
    }),
    tls: option(z.optional(tls()), {
      description:
        'Serves HTTPS. Certificate and key come from files or from secrets of this sidecar, and are taken over without a restart when they change there.',
      type: 'mapping',
      fallback: 'plain HTTP',
      example: { cert: '/etc/sidekeep/tls/tls.crt', key: '/etc/sidekeep/tls/tls.key' },
    }),
    timeouts: option(z.prefault(timeouts(), {}), {
      description: 'How long the upstream, and clients, are waited for.',
    }),
    maxBody: option(z.prefault(size({ min: '0B', max: '1024GiB' }), 0), {
      description: 'How large the body of a request may be; 0: any size. Bodies are never held in memory.',
      example: '10MiB',
    }),
    concurrency: option(z.prefault(concurrency(), {}), {
      description: 'How many requests the application gets at once, and what becomes of more.',
    }),
    limits: option(z.prefault(limits(), []), {
      description: 'The limits; a request must pass all that are for it.',
      type: 'list of limits',
    }),
    exempt: option(z.prefault(z.array(pathPattern(), { error: 'a list of paths' }), []), {
      description:
        'Paths that no limit counts and that never wait in the queue, compared exactly as they were sent: exact, or with a trailing `*`.',
      type: 'list of paths',
      example: ['/healthz', '/static/*'],
    }),
    store: option(z.prefault(limitStore(), 'memory'), {
      description:
        'Where the budgets of the limits are counted: in this process, or in a Redis or Valkey, so that all replicas share one budget.',
      example: 'redis://redis:6379/0',
    }),
    onStoreFailure: option(z.prefault(z.enum(['local', 'allow', 'deny']), 'local'), {
      description:
        'What applies while the store cannot be asked, or takes too long: the same limits in this process alone, none, or 503 for every request that has a limit.',
      example: 'deny',
    }),
    rateLimitHeaders: option(z.prefault(z.enum(['draft', 'legacy', 'none']), 'draft'), {
      description:
        "What answers say of the limits: `RateLimit` and `RateLimit-Policy` of the IETF's draft, the older `X-RateLimit-*` of the strictest limit, or nothing.",
      example: 'legacy',
    }),
    access: option(z.prefault(access(), {}), {
      description: 'The access log, on standard output with the rest.',
    }),
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
