import * as z from 'zod/mini'
import { allow, callers, limitOption, rightsOption } from './callers.ts'
import { count, duration, flag, listen, path, text } from './fields.ts'
import { option, section } from './option.ts'

const modeExpected = 'an octal file mode in quotes, such as "0660"'
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/

const socketMode = () =>
  z.codec(text(/^0?[0-7]{3}$/, modeExpected), z.number(), {
    decode: (mode) => Number.parseInt(mode, 8),
    encode: (mode) => `0${mode.toString(8).padStart(3, '0')}`,
  })

const hostName = () =>
  z.codec(text(hostPattern, 'a host name or an address in brackets, without a port'), z.string(), {
    // Host names do not know case (RFC 9110, section 4.2.3); the guard compares lower case.
    decode: (host) => host.toLowerCase(),
    encode: (host) => host,
  })

const accountExpected = 'the name or the number of an account, such as app or 1000'
const largestAccount = 4_294_967_294

/** A user or a group as /etc/passwd and /etc/group have it, or its number: in quotes or not, as YAML invites to. */
const account = () => {
  const error = accountExpected
  const name = text(/^(?:[a-z_][a-z0-9_.-]{0,31}\$?|0|[1-9][0-9]{0,9})$/i, error)
  const number = z.int({ error }).check(z.minimum(0, { error }), z.maximum(largestAccount, { error }))
  const schema = z.codec(z.union([number, name], { error }), z.string(), {
    decode: String,
    encode: (written) => written,
  })
  return schema
}

const ownerOption = () =>
  option(z.optional(account()), {
    description:
      'Who owns a Unix socket: a user by name or number. To give it away takes the capability CHOWN.',
    type: 'user name or number',
    fallback: 'the user of the process',
    example: 1000,
  })

const groupOption = () =>
  option(z.optional(account()), {
    description: 'The group of a Unix socket, by name or number, whose members the mode lets in.',
    type: 'group name or number',
    fallback: 'the group of the process',
    example: 'app',
  })

const tls = () =>
  option(
    z.optional(
      section({
        cert: option(path(), {
          description:
            'The certificate with those that lead to its authority, in PEM. Read again when the file changes.',
          example: '/etc/sidekeep/tls/tls.crt',
        }),
        key: option(path(), {
          description: 'Its private key, in PEM. Read again when the file changes.',
          example: '/etc/sidekeep/tls/tls.key',
        }),
        clientCa: option(z.optional(path()), {
          description:
            'The authorities of client certificates, in PEM. Whoever has no valid certificate of theirs cannot connect; a token is wanted besides.',
          fallback: 'no client certificate is asked for',
          example: '/etc/sidekeep/tls/ca.crt',
        }),
      }),
    ),
    {
      description:
        'Serves HTTPS. Needed where the address is not loopback, and refused on a Unix socket, where it is of no use.',
      type: 'mapping',
      fallback: 'plain HTTP',
      example: { cert: '/etc/sidekeep/tls/tls.crt', key: '/etc/sidekeep/tls/tls.key' },
    },
  )

const callersExample = { web: { tokens: [{ file: '/run/sidekeep/web.token' }], allow: ['web/*'] } }

const accessOption = () => z.prefault(z.enum(['header', 'open']), 'header')

const door = () =>
  section({
    listen: option(listen(), {
      description: 'A further address, or a Unix socket that only one container has mounted.',
      example: 'unix:/run/sidekeep/worker/api.sock',
    }),
    callers: option(z.optional(callers()), {
      description:
        'Who may ask here, as `api.callers`. Either this or `allow` is to be there. No other listener has a caller of the same name.',
      type: 'mapping of caller name to caller',
      example: { worker: { tokens: [{ env: 'WORKER_TOKEN' }], allow: ['worker/*'] } },
      fallback: 'whoever can connect',
    }),
    allow: option(z.optional(allow()), {
      description:
        'The secrets that whoever can connect here may know of: names, and patterns in which each `*` stands for any characters.',
      type: 'list of names and patterns',
      fallback: '`callers` and their lists',
      example: ['worker/*'],
    }),
    rights: rightsOption(),
    limit: limitOption('whoever can connect here', '`api.limit`'),
    access: option(accessOption(), {
      description: 'As `api.access`, where there are no callers.',
      example: 'open',
    }),
    mode: option(z.prefault(socketMode(), '0660'), {
      description: 'Who may connect to a Unix socket, as a file mode in quotes.',
      type: 'octal file mode',
      example: '0600',
    }),
    owner: ownerOption(),
    group: groupOption(),
    tls: tls(),
  })

/** As many containers as a pod may well have. */
const mostListeners = 64

function furtherListeners() {
  return z
    .array(door(), { error: 'a list of listeners' })
    .check(z.maxLength(mostListeners, { error: `a list of at most ${mostListeners} listeners` }))
}

export type DoorConfig = z.output<ReturnType<typeof door>>
export type TlsConfig = NonNullable<DoorConfig['tls']>

export const api = () =>
  section({
    listen: option(z.prefault(listen(), '127.0.0.1:7575'), {
      description:
        'Where the application asks for its secrets: loopback, which only containers of the same pod reach, or a Unix socket.',
      example: 'unix:/run/sidekeep/api.sock',
    }),
    callers: option(z.optional(callers()), {
      description:
        'Who may ask, by a name of your choice, each with tokens and the secrets that are meant for it. Without them, whoever can connect may ask for everything, see `access`.',
      type: 'mapping of caller name to caller',
      example: callersExample,
      fallback: 'none: whoever can connect',
    }),
    limit: limitOption(
      'a caller that has no limit of its own, or whoever can connect where there are no callers,',
    ),
    listeners: option(z.prefault(furtherListeners(), []), {
      description:
        'Further addresses of the same API, each with callers or an allow-list of its own: one Unix socket a container, so that the file system decides who reads what.',
      type: 'list of listeners',
      example: [{ listen: 'unix:/run/sidekeep/worker/api.sock', allow: ['worker/*'] }],
    }),
    allowRemote: option(z.prefault(flag(), false), {
      description:
        'Whether an address that is not loopback is allowed. It needs callers and TLS besides: whoever reaches the port can try.',
      example: true,
    }),
    tls: tls(),
    access: option(accessOption(), {
      description:
        'Whether, where there are no callers, a request must carry the header `X-Sidekeep-Request: true`. A forged request (SSRF) cannot set a header; `open` gives that protection up.',
      example: 'open',
    }),
    hosts: option(z.prefault(z.array(hostName(), { error: 'a list of host names' }), []), {
      description:
        'Names beside loopback that the Host header may have. All others are refused, so that a web page cannot reach the API by DNS rebinding.',
      type: 'list of host names',
      example: ['secrets.internal'],
    }),
    maxConnections: option(z.prefault(count(1, 65_535), 1024), {
      description:
        'How many connections may be worked for at once. A quarter more are open, at least 64, and of those the ones on which nothing happens give way.',
      example: 256,
    }),
    demandTimeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '5s'), {
      description:
        'How long a request for a secret of a pattern waits for its first fetch, or for that of a secret that expired while the machine was suspended. All other reads never wait for a provider.',
      example: '2s',
    }),
    refreshTimeout: option(z.prefault(duration({ min: '1ms', max: '5m' }), '10s'), {
      description:
        'How long a request that asks for a refresh (`?refresh=true`, `POST /v1/refresh`, `POST /v1/rejected`) waits for it. The refresh itself goes on.',
      example: '5s',
    }),
    maxWait: option(z.prefault(duration({ min: '1s', max: '1h' }), '60s'), {
      description:
        'How long a request may wait for a secret to change (`?wait=30s`, `Prefer: wait=30`). Whoever asks for longer is answered after this.',
      example: '5m',
    }),
    maxWaiters: option(z.prefault(count(0, 1_000_000), 10_000), {
      description:
        'How many requests may wait for changes at once. Each keeps a connection: with the event streams they hold at most three quarters of `maxConnections`, and at least 1, so that plain reads always find one.',
      example: 1000,
    }),
    maxEventStreams: option(z.prefault(count(0, 65_535), 100), {
      description:
        'How many event streams (`GET /v1/events`) may be open at once. With the requests that wait for changes they hold at most three quarters of `maxConnections`.',
      example: 10,
    }),
    eventHistory: option(z.prefault(count(0, 1_000_000), 1000), {
      description:
        'How many past events are kept for those who reconnect to the event stream and ask for what they missed.',
      example: 100,
    }),
    socketMode: option(z.prefault(socketMode(), '0660'), {
      description:
        'Who may connect to a Unix socket, as a file mode in quotes. Without effect on a TCP address.',
      type: 'octal file mode',
      example: '0600',
    }),
    socketOwner: ownerOption(),
    socketGroup: groupOption(),
    allowSharedDirectory: option(z.prefault(flag(), false), {
      description:
        'Whether a Unix socket may lie in a directory in which everybody may create files, such as an `emptyDir` volume. Whoever writes there can put a socket of their own in its place: mount it `readOnly` in all other containers.',
      example: true,
    }),
  })

export const ops = () =>
  section({
    listen: option(listen(), {
      description:
        'Where the kubelet and Prometheus ask for health and metrics. It serves no secret and names none in a health answer, so every interface is fine.',
      example: '0.0.0.0:7576',
    }),
  })
