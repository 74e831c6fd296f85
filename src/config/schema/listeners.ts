import * as z from 'zod/mini'
import { count, duration, listen, text } from './fields.ts'
import { option, section } from './option.ts'

const modeExpected = 'an octal file mode in quotes, such as "0660"'
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/

const socketMode = z.codec(text(/^0?[0-7]{3}$/, modeExpected), z.number(), {
  decode: (mode) => Number.parseInt(mode, 8),
  encode: (mode) => `0${mode.toString(8).padStart(3, '0')}`,
})

const hostName = z.codec(
  text(hostPattern, 'a host name or an address in brackets, without a port'),
  z.string(),
  {
    // Host names do not know case (RFC 9110, section 4.2.3); the guard compares lower case.
    decode: (host) => host.toLowerCase(),
    encode: (host) => host,
  },
)

export const api = section({
  listen: option(z.prefault(listen(), '127.0.0.1:7575'), {
    description:
      'Where the application asks for its secrets: loopback, which only containers of the same pod reach, or a Unix socket.',
    example: 'unix:/run/sidekeep/api.sock',
  }),
  access: option(z.prefault(z.enum(['header', 'open']), 'header'), {
    description:
      'Whether a request must carry the header `X-Sidekeep-Request: true`. A forged request (SSRF) cannot set a header; `open` gives that protection up.',
    example: 'open',
  }),
  hosts: option(z.prefault(z.array(hostName, { error: 'a list of host names' }), []), {
    description:
      'Names beside loopback that the Host header may have. All others are refused, so that a web page cannot reach the API by DNS rebinding.',
    type: 'list of host names',
    example: ['secrets.internal'],
  }),
  maxConnections: option(z.prefault(count(1, 65_535), 1024), {
    description:
      'How many connections may be open at once. It bounds memory when a client forgets to reuse them.',
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
  socketMode: option(z.prefault(socketMode, '0660'), {
    description:
      'Who may connect to a Unix socket, as a file mode in quotes. Without effect on a TCP address.',
    type: 'octal file mode',
    example: '0600',
  }),
})

export const ops = section({
  listen: option(listen(), {
    description:
      'Where the kubelet and Prometheus ask for health and metrics. It serves no secret and names none in a health answer, so every interface is fine.',
    example: '0.0.0.0:7576',
  }),
})
