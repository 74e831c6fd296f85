/**
 * The attack: anything at all. Random bytes, and requests that were right until something happened to them, come over real
 * sockets. What is answered is HTTP, an error is a problem document, nobody gets a value who has no right to it, and the
 * next caller is served.
 */

import t from 'tap'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import type { World } from '../api/support/world.ts'
import { createWorld } from '../api/support/world.ts'
import { traceOfCanary } from '../support/canary-trace.ts'
import fc from '../support/property.ts'
import { answersIn, requestText, speak } from '../support/raw-http.ts'

const values = { 'db-password': 'CANARY-db-password-1', 'web/cookie': 'CANARY-cookie-1' }
const token = tokenOf('web')

/** One listener that wants the header, and one that wants a token. */
async function worlds(t: { teardown(fn: () => unknown): void }): Promise<World[]> {
  const { callers } = await callersRig(t, accessConfig({ web: { tokens: [token], allow: ['web/*'] } }))
  return await Promise.all([
    createWorld(t, { values }),
    createWorld(t, { values, deps: { access: callers } }),
  ])
}

/** What is wrong with what came back; undefined: nothing. */
function faultIn(heard: string, mayHaveValue = false): string | undefined {
  const trace = traceOfCanary(heard)
  if (trace !== undefined && !mayHaveValue) return `a value, ${trace}`
  // A connection may end without a word: on CONNECT, say.
  for (const { status, headers, body } of answersIn(heard)) {
    if (status >= 500 && status !== 503) return `status ${status}`
    if (status < 400 || status === 503) continue
    if (headers.get('content-type') !== 'application/problem+json') return `${status} is no problem document`
    if (headers.get('cache-control') !== 'no-store') return `${status} may be stored`
    // HEAD has the headers alone.
    if (body !== '' && JSON.parse(body).status !== status) return `${status} says another status`
  }
  return undefined
}

/** Fails where anything of what comes back is wrong, and shows the shortest bytes that make it so. */
async function hold(
  all: readonly World[],
  bytes: fc.Arbitrary<Buffer>,
  numRuns: number,
  mayHaveValue?: (sent: string) => boolean,
): Promise<void> {
  const property = fc.asyncProperty(bytes, fc.constantFrom(...all), async (sent, { port }) => {
    const fault = faultIn(await speak(port, sent), mayHaveValue?.(sent.toString('latin1')))
    if (fault !== undefined) throw new Error(`${fault}: ${JSON.stringify(sent.toString('latin1'))}`)
  })
  await fc.assert(property, { numRuns })
}

async function stillServes(t: { equal(a: unknown, b: unknown): unknown }, [first]: World[]): Promise<void> {
  t.equal((await first?.get('/v1/secrets/db-password'))?.status, 200)
  t.equal(first?.errors.length, 0)
}

const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('\r\n\0 :/?%#GETPOSTHT1.0')))
const noise = fc.array(byte, { maxLength: 300 }).map((all) => Buffer.from(all))

t.test('random bytes get an error or nothing', async (t) => {
  const all = await worlds(t)
  await hold(all, noise, 400)
  await stillServes(t, all)
})

const line = fc
  .tuple(
    fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'QUERY', 'TRACE', 'get', 'G\tET', ''),
    fc.constantFrom(
      ...[
        '/v1/secrets',
        '/v1/secrets/db-password',
        '/v1/secrets/web/cookie?format=raw',
        '/v1/explain/db-password',
      ],
      ...['/v1/refresh', '/v1/refresh/db-password', '/v1/rejected/db-password', '/metrics', '/openapi.json'],
      ...[
        '/livez',
        '*',
        '/',
        '//',
        'http://localhost/v1/secrets',
        '/v1/secrets/%00',
        '/v1/secrets/%ff',
        '/%',
      ],
    ),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.11', 'http/1.1', ''),
  )
  .map((parts) => parts.join(' '))
const field = fc
  .tuple(
    fc.constantFrom(
      ...['Host', 'Content-Length', 'Content-Type', 'Transfer-Encoding', 'Connection', 'Upgrade', 'Expect'],
      ...[
        'Accept',
        'If-None-Match',
        'Prefer',
        'Range',
        'Origin',
        'Sec-Fetch-Site',
        'Authorization',
        'Cookie',
      ],
      ...['X-Sidekeep-Token', 'Via', 'X-Forwarded-For', 'Last-Event-ID', 'TE', 'Trailer', 'X-\xe9', ''],
    ),
    fc.oneof(
      fc.constantFrom(
        'localhost',
        '0',
        '3',
        'chunked',
        'close',
        'keep-alive',
        'h2c',
        '100-continue',
        '*/*',
        'wait=0',
      ),
      fc.constantFrom(
        'application/json',
        'Bearer x',
        'Bearer',
        'none',
        'bytes=0-1',
        '"x"',
        '\0',
        '',
        'a\rb',
        'a\nb',
      ),
      fc.string({ unit: byte.map((code) => String.fromCharCode(code)), maxLength: 20 }),
    ),
  )
  .map((parts) => parts.join(': '))
const body = fc.oneof(
  fc.constant(''),
  fc.constantFrom('{"version":"1"}', '{"version":', '[]', '0\r\n\r\n', '3\r\nabc\r\n0\r\n\r\n', 'abc'),
  noise.map((bytes) => bytes.toString('latin1')),
)

/** A request, of which some bytes were then changed, taken out or doubled. */
const mangled = (head: readonly string[]) =>
  fc
    .record({
      line,
      fields: fc.array(field, { maxLength: 5 }),
      body,
      changes: fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'drop', 'double', 'cut'), byte), {
        maxLength: 3,
      }),
    })
    .map(({ line, fields, body, changes }) => {
      let bytes = Buffer.from(requestText([line, ...head, ...fields], body), 'latin1')
      for (const [place, change, code] of changes) {
        const at = place % (bytes.length + 1)
        const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
        if (change === 'cut') bytes = Buffer.from(before)
        else if (change === 'drop') bytes = Buffer.concat([before, after.subarray(1)])
        else if (change === 'double') bytes = Buffer.concat([before, after.subarray(0, 40), after])
        else bytes = Buffer.concat([before, Buffer.from([code]), after.subarray(1)])
      }
      return bytes
    })

t.test('whatever happens to a request that opens nothing, it gets an error and no value', async (t) => {
  const all = await worlds(t)
  await hold(all, mangled(['Host: localhost']), 800)
  await stillServes(t, all)
})

t.test('a wrong token opens nothing either, whatever happens to it', async (t) => {
  const [, guarded] = await worlds(t)
  if (guarded === undefined) throw new Error('no world')
  const near = fc.oneof(
    fc.nat({ max: token.length - 1 }).map((at) => token.slice(0, at)),
    fc.nat({ max: token.length - 1 }).map((at) => `${token.slice(0, at)}!${token.slice(at + 1)}`),
    fc.constantFrom(
      `${token}x`,
      `x${token}`,
      token.toUpperCase(),
      `"${token}"`,
      `${token},${token}`,
      `${token} x`,
    ),
  )
  const header = fc.constantFrom(
    'Authorization: Bearer ',
    'X-Sidekeep-Token: ',
    'Authorization: ',
    'Cookie: token=',
  )
  const path = fc.constantFrom('/v1/secrets/web/cookie', '/v1/secrets', '/v1/explain/web/cookie')
  const sent = fc
    .tuple(path, header, near)
    .map(([path, header, near]) => requestText([`GET ${path} HTTP/1.1`, 'Host: localhost', header + near]))
  const property = fc.asyncProperty(sent, async (text) => {
    // A wrong one is answered late, on the clock of the test: the connection ends before that, and so does the wait.
    return !(await speak(guarded.port, text)).includes('CANARY-cookie')
  })
  await fc.assert(property, { numRuns: 200 })
})

t.test('a caller that is let in gets its own values, and never a broken answer', async (t) => {
  const [open, guarded] = await worlds(t)
  if (open === undefined || guarded === undefined) throw new Error('no world')
  const isEntitled = (): boolean => true
  await hold([open], mangled(['Host: localhost', 'X-Sidekeep-Request: true']), 400, isEntitled)
  const own = mangled(['Host: localhost', `Authorization: Bearer ${token}`])
  await fc.assert(
    fc.asyncProperty(own, async (sent) => {
      const heard = await speak(guarded.port, sent)
      const fault = faultIn(heard, true)
      return fault === undefined && !heard.includes('CANARY-db-password')
    }),
    { numRuns: 400 },
  )
  await stillServes(t, [open])
})
