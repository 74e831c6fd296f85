/** Whose budget a request uses, and that nobody has two. */
import t, { type Test } from 'tap'
import type { LimitKey } from '../../src/config/schema.ts'
import { limitOf, startProxy } from './support/proxy.ts'
import { exchange } from './support/raw-client.ts'
import { startEcho } from './support/upstream.ts'

/** Asks with the headers of each line and returns the statuses. */
async function statuses(
  t: Test,
  key: readonly LimitKey[],
  all: readonly string[],
  maxKeys = 50_000,
): Promise<number[]> {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, limits: [limitOf({ key, maxKeys })] })
  const found: number[] = []
  for (const headers of all) {
    found.push((await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`)).status)
  }
  return found
}

const byCookie: LimitKey[] = [{ by: 'cookie', name: 'session' }]
const byHeader: LimitKey[] = [{ by: 'header', name: 'x-api-key' }]
const byCredential: LimitKey[] = [{ by: 'header', name: 'authorization' }]

t.test('each value of a cookie has a budget, whatever else is in the header', async (t) => {
  const found = await statuses(t, byCookie, [
    'Cookie: session=a\r\n',
    'Cookie: session=b\r\n',
    'Cookie: theme=dark; session=a\r\n',
    'Cookie: theme=dark;session=b ; x=1\r\n',
    'Cookie: xsession=c; session=a\r\n',
  ])
  t.same(found, [200, 200, 429, 429, 429])
})

t.test('without the cookie, and with two of it, all share one budget', async (t) => {
  const found = await statuses(t, byCookie, [
    '',
    'Cookie: theme=dark\r\n',
    'Cookie: session=a; session=b\r\n',
    'Cookie: session=c\r\nCookie: session=d\r\n',
    'Cookie: session=e; session=e\r\n',
    'Cookie: Session=f\r\n',
    'Cookie: session\r\n',
  ])
  t.same(found, [200, 429, 429, 429, 429, 429, 429])
})

t.test('spellings of one cookie that applications take for the same share its budget', async (t) => {
  const found = await statuses(t, byCookie, [
    'Cookie: session=abc\r\n',
    'Cookie: session="abc"\r\n',
    'Cookie: session=%61bc\r\n',
    'Cookie: session="%61%62%63"\r\n',
    'Cookie: session = abc \r\n',
  ])
  t.same(found, [200, 429, 429, 429, 429])
})

t.test('without the header, and with two of it, all share one budget', async (t) => {
  const found = await statuses(t, byHeader, [
    '',
    'X-Api-Key: a\r\nX-Api-Key: b\r\n',
    'X-Api-Key: c\r\nx-api-key: c\r\n',
    'X-Api-Key: a\r\n',
    'x-api-key: a\r\n',
  ])
  t.same(found, [200, 429, 429, 200, 429])
})

t.test('spellings of one credential that applications take for the same share its budget', async (t) => {
  const found = await statuses(t, byCredential, [
    'Authorization: Bearer CANARY-token\r\n',
    'Authorization: bearer CANARY-token\r\n',
    'Authorization: Bearer   CANARY-token\r\n',
    'Authorization: Bearer \t CANARY-token \r\n',
    'Authorization: Bearer CANARY-token\r\nAuthorization: Bearer other\r\n',
    'Authorization: Bearer CANARY-other\r\n',
  ])
  t.same(found, [200, 429, 429, 429, 200, 200])
})

t.test('a list counts each combination', async (t) => {
  const found = await statuses(
    t,
    [...byHeader, ...byCookie],
    [
      'X-Api-Key: a\r\nCookie: session=1\r\n',
      'X-Api-Key: a\r\nCookie: session=2\r\n',
      'X-Api-Key: b\r\nCookie: session=1\r\n',
      'X-Api-Key: a\r\nCookie: session=1\r\n',
      'X-Api-Key: a|1\r\n',
      'X-Api-Key: a\r\n',
    ],
  )
  t.same(found, [200, 200, 200, 429, 200, 200])
})

t.test('whoever rotates keys resets no budget, neither their own nor that of others', async (t) => {
  const rotating = Array.from({ length: 30 }, (_, at) => `X-Api-Key: rotated-${at}\r\n`)
  const found = await statuses(
    t,
    byHeader,
    [
      'X-Api-Key: mine\r\n',
      ...rotating,
      'X-Api-Key: mine\r\n',
      'X-Api-Key: rotated-0\r\n',
      'X-Api-Key: rotated-29\r\n',
    ],
    10,
  )
  t.equal(found[0], 200)
  // Those that found room, and the first of those that share.
  t.equal(found.slice(1, 31).filter((status) => status === 200).length, 10)
  t.same(found.slice(31), [429, 429, 429])
})

for (const [style, expected] of Object.entries({
  legacy: [/^1$/, /^0$/, /^1$/],
  none: [],
}) as ['legacy' | 'none', RegExp[]][]) {
  t.test(
    `with rateLimitHeaders: ${style} a refusal says so in that way, and Retry-After in any case`,
    async (t) => {
      const { origin } = await startEcho(t)
      const { port } = await startProxy(t, { upstream: origin, limits: [limitOf()], rateLimitHeaders: style })
      const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
      const names = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']
      for (const status of [200, 429]) {
        const answer = await exchange(t, port, get)
        t.equal(answer.status, status)
        for (const [at, name] of names.entries()) {
          const wanted = expected[at]
          if (wanted === undefined) t.equal(answer.header(name), undefined)
          else t.match(answer.header(name), wanted)
        }
        t.equal(answer.header('ratelimit'), undefined)
        t.equal(answer.header('retry-after'), status === 429 ? '1' : undefined)
      }
    },
  )
}
