/**
 * The attack: header floods. Requests with very many headers, very long ones, or the same one again and again, to fill
 * memory, to spend time, or to push a header that a check looks for out of the part that is looked at.
 */

import t from 'tap'
import { maxHeaderSize } from '../../src/api/server-options.ts'
import { createWorld } from '../api/support/world.ts'
import fc from '../support/property.ts'
import { answersIn, outcomeOf, requestText, speak } from '../support/raw-http.ts'

const line = 'GET /v1/secrets/db-password HTTP/1.1'
const entitled = ['Host: localhost', 'X-Sidekeep-Request: true']
/** Node hands on this many headers and says nothing of the rest, unless it is told to. */
const nodesDefault = 2_000

const many = (count: number, header: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => header(at))

async function outcome(port: number, lines: readonly string[]): Promise<string> {
  const heard = await speak(port, requestText(lines))
  const [answer] = answersIn(heard)
  return answer === undefined ? 'closed' : outcomeOf(answer)
}

const tooLarge = '431 SIDEKEEP_HEADERS_TOO_LARGE'

t.test('more than 16 KiB of request line and headers is 431, however it is made up', async (t) => {
  const world = await createWorld(t)
  for (const [what, lines] of Object.entries({
    'one long header': [line, ...entitled, `X-A: ${'a'.repeat(maxHeaderSize)}`],
    'a long name of a header': [line, ...entitled, `${'A'.repeat(maxHeaderSize)}: a`],
    'many headers': [line, ...entitled, ...many(2_000, (at) => `X-${at}: abcdef`)],
    'the same header many times': [line, ...entitled, ...many(2_000, () => 'Cookie: a=b')],
    'a long path': [`GET /v1/secrets/${'a'.repeat(maxHeaderSize)} HTTP/1.1`, ...entitled],
    'a long query': [`GET /v1/secrets?prefix=${'a'.repeat(maxHeaderSize)} HTTP/1.1`, ...entitled],
    'a megabyte': [line, ...entitled, `X-A: ${'a'.repeat(1_048_576)}`],
  })) {
    t.equal(await outcome(world.port, lines), tooLarge, what)
  }
  t.equal((await world.get('/v1/secrets/db-password')).status, 200)
})

t.test('within 16 KiB as many headers as fit are read, and none is overlooked', async (t) => {
  const world = await createWorld(t)
  // The shortest that there is takes 4 bytes: these are more than Node counts by default.
  const shortest = many(nodesDefault + 1, () => 'a:')
  t.equal(await outcome(world.port, [line, ...entitled, ...shortest]), '200')
  const behind = async (...headers: string[]) => await outcome(world.port, [line, ...shortest, ...headers])
  t.equal(await behind(...entitled), '200', 'what lets in counts behind them')
  t.equal(await behind(...entitled, 'Via: 1.1 x'), '400 SIDEKEEP_FORWARDED_REQUEST')
  t.equal(await behind(...entitled, 'X-Forwarded-For:'), '400 SIDEKEEP_FORWARDED_REQUEST')
  t.equal(await behind(...entitled, 'Host: evil.example'), '400 SIDEKEEP_BAD_REQUEST')
  t.equal(await behind(...entitled, 'Origin: http://evil.example'), '403 SIDEKEEP_CROSS_SITE_REQUEST')
  t.equal(await behind('Host: evil.example', 'X-Sidekeep-Request: true'), '421 SIDEKEEP_HOST_NOT_ALLOWED')
  t.equal(await behind('Host: localhost'), '401 SIDEKEEP_HEADER_REQUIRED')
})

t.test('the same header many times opens nothing that one alone would not', async (t) => {
  const world = await createWorld(t)
  const repeated = async (count: number, header: string, ...more: string[]) =>
    await outcome(world.port, [line, ...more, ...many(count, () => header)])
  for (const count of [2, 100, 500]) {
    t.equal(await repeated(count, 'Host: localhost', 'X-Sidekeep-Request: true'), '400 SIDEKEEP_BAD_REQUEST')
    t.equal(await repeated(count, 'Via: x', ...entitled), '400 SIDEKEEP_FORWARDED_REQUEST')
    t.equal(await repeated(count, 'Origin: http://a', ...entitled), '403 SIDEKEEP_CROSS_SITE_REQUEST')
    t.match(await repeated(count, 'X-Sidekeep-Request: true', 'Host: localhost'), /^40[01] /)
    t.equal(await repeated(count, 'Content-Length: 0', ...entitled), '400 SIDEKEEP_BAD_REQUEST')
  }
})

t.test('lists in headers that are parsed are parsed in time with their length', async (t) => {
  const world = await createWorld(t)
  const flood = (part: string): string => part.repeat(Math.floor(12_000 / part.length))
  for (const header of [
    `Accept: ${flood('text/plain;q=0.5,')}*/*`,
    `Accept: ${flood(';')}`,
    `Accept: ${flood('"\\')}`,
    `Accept: a/b${flood(';a="b"')}`,
    `Prefer: ${flood('a=b,')}wait=0`,
    `Prefer: ${flood('"')}`,
    `Prefer: a=${flood('\\"')}`,
    `Prefer: a${flood(' ')}`,
    `If-None-Match: ${flood('"a",')}"b"`,
    `If-None-Match: ${flood('W/')}`,
    `If-None-Match: ${flood('"')}`,
    `If-None-Match: ${flood('\t')}x`,
    `Host: ${flood('a.')}`,
    `Host: ${flood(':')}`,
    `Origin: ${flood('http://')}`,
    `Authorization: ${flood('Bearer ')}`,
    `Last-Event-ID: ${flood('1-')}`,
  ]) {
    const began = performance.now()
    const lines = [
      line,
      ...(header.startsWith('Host') ? [] : ['Host: localhost']),
      'X-Sidekeep-Request: true',
    ]
    const told = await outcome(world.port, [...lines, header])
    // A quadratic parser would take 12,000² steps, a tenth of a second; an exponential one would not come back.
    t.ok(performance.now() - began < 2_000, `${header.slice(0, 40)}… ${told}`)
    t.notMatch(told, /^5/)
  }
})

const name = fc.constantFrom(
  'Host',
  'Via',
  'Cookie',
  'X-A',
  'a',
  'X-Sidekeep-Request',
  'Origin',
  'Content-Length',
)

t.test('no flood of headers is answered 5xx, or with a value where the door is to be shut', async (t) => {
  const world = await createWorld(t)
  const property = fc.asyncProperty(
    fc.array(fc.tuple(name, fc.nat({ max: 700 }), fc.nat({ max: 3_000 })), { minLength: 1, maxLength: 4 }),
    async (floods) => {
      const headers = floods.flatMap(([name, count, size]) =>
        many(count, () => `${name}: ${'0'.repeat(Math.floor(size / (count + 1)))}`),
      )
      const heard = await speak(world.port, requestText([line, ...headers, 'Host: localhost']))
      return answersIn(heard).every(({ status }) => status < 500) && !heard.includes('CANARY-')
    },
  )
  await fc.assert(property, { numRuns: 100 })
  t.strictSame(world.errors, [])
})
