import * as z from 'zod/mini'
import { duration, path, source, text } from './fields.ts'
import { option, section } from './option.ts'

const urlExpected = 'an absolute http or https URL, such as http://127.0.0.1:8080/-/reload'
const argvExpected =
  'a list of the program, by its absolute path, and its arguments, such as [/usr/sbin/nginx, -s, reload]; no shell reads it'
const headerExpected = 'a header value: a string, { env: NAME } or { file: PATH }'
const headerName = () => text(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'the name of a header')

/** What a running program takes as "read your files again", and no signal that ends most of them unasked. */
export const notifySignals = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGTERM', 'SIGWINCH'] as const

const http = () =>
  section({
    url: option(z.string({ error: urlExpected }).check(z.refine(isHttpUrl, { error: urlExpected })), {
      description:
        'Where the request is sent. No redirect is followed; any status from 200 to 299 is success.',
      type: 'URL',
      example: 'http://127.0.0.1:8080/-/reload',
    }),
    method: option(z.prefault(z.enum(['POST', 'PUT', 'GET']), 'POST'), {
      description:
        'How it is asked. A `POST` or `PUT` carries JSON: which file, and which names have changed; never a value.',
      example: 'PUT',
    }),
    headers: option(z.optional(z.record(headerName(), source('credential', headerExpected))), {
      description: 'Further headers.',
      type: 'mapping of header to string source',
      fallback: 'none',
      example: { Authorization: { file: '/run/sidekeep/reload-header' } },
    }),
  })

/** Exactly one of `http`, `signal` and `exec`; config/checks/files.ts says so. */
export const notification = () =>
  section({
    http: option(z.optional(http()), { description: 'Sends a request.' }),
    signal: option(z.optional(z.enum(notifySignals)), {
      description:
        'Sends a signal to the process whose id `pidFile` holds. In a pod that takes `shareProcessNamespace: true` and the same user.',
      fallback: 'one of `http`, `signal` and `exec` is required',
      example: 'SIGHUP',
    }),
    pidFile: option(z.optional(path()), {
      description: 'With `signal`: the file with the process id, read again each time.',
      fallback: 'none',
      example: '/shared/app.pid',
    }),
    exec: option(
      z.optional(
        z.array(text(/^[^\0]*$/, argvExpected), { error: argvExpected }).check(
          z.minLength(1, { error: argvExpected, abort: true }),
          z.refine(([program = '']) => program.startsWith('/'), { error: argvExpected, path: [0] }),
        ),
      ),
      {
        description:
          'Runs a program, without a shell, with an environment of `PATH`, `HOME`, `LANG` and `SIDEKEEP_FILE`, the path of the file. Exit code 0 is success.',
        type: 'list of strings',
        fallback: 'none',
        example: ['/usr/sbin/nginx', '-s', 'reload'],
      },
    ),
    timeout: option(z.prefault(duration({ min: '10ms', max: '5m' }), '10s'), {
      description: 'How long one request, one reading of `pidFile`, or one run of the program, may take.',
      example: '2s',
    }),
  })

export type NotificationConfig = z.output<ReturnType<typeof notification>>

function isHttpUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return (
    parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === ''
  )
}
