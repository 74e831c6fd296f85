/** Another spelling of a path is no way around a limit. */

import t from 'tap'
import { pathMatcher, plainPath } from '../../src/proxy/limits/matching.ts'
import fc from '../support/property.ts'
import { limitOf, startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startEcho } from './support/upstream.ts'

async function statusOf(t: Parameters<typeof exchange>[0], port: number, line: string): Promise<number> {
  return (await exchange(t, port, `${line} HTTP/1.1\r\nHost: a\r\n\r\n`)).status
}

const spellings = {
  'as it is written': '/api/users',
  'in capitals': '/API/Users',
  'with a trailing slash': '/api/users/',
  'with doubled slashes': '/api///users',
  'with a segment of one dot': '/api/./users',
  'with a dot at the end': '/api/users/.',
  'with an encoded dot': '/api/%2e/users',
  'with a path parameter': '/api;v=1/users;jsessionid=1',
  'with an encoded path parameter': '/api%3bv=1/users',
  'with an empty path parameter': '/api/;/users',
  'with encoded letters': '/%61pi/%75sers',
  'with capitals in the encoding': '/api%2Fusers',
  'with letters that are encoded twice': '/%2561pi/users',
  'with a slash that is encoded twice': '/api%252fusers',
  'with a slash that is encoded thrice': '/api%25252fusers',
  'with a backslash': '/api\\users',
  'with an encoded backslash': '/api%5cusers',
  'with a query': '/api/users?x=/',
}

for (const [name, path] of Object.entries(spellings)) {
  t.test(`a path ${name} shares the budget of its limit`, async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, {
      upstream: origin,
      limits: [limitOf({ match: { path: '/api/*' } }), limitOf({ name: 'by-path', key: [{ by: 'path' }] })],
    })
    t.equal(await statusOf(t, port, 'GET /api/users'), 200)
    t.equal(await statusOf(t, port, `GET ${path}`), 429)
    t.equal(await statusOf(t, port, 'GET /other'), 200, 'another path has another budget')
  })
}

for (const path of [
  '/x/%252e%252e/api',
  '/x/%252E./api',
  '/x/.%252e%252fapi',
  '/x%252f%252e%252e%252fapi',
  '/x/%25%32%65%25%32%65/api',
  '/x/%25252e%25252e/api',
  '/x/%2e%252e;/api',
  '/x/%%32e%%32e/api',
]) {
  t.test(`${path} is refused: an application that decodes twice would leave the folder`, async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin, exempt: ['/x/*'] })
    t.equal(await statusOf(t, port, `GET ${path}`), 400)
  })
}

t.test('what only looks like dots passes as it came', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  for (const path of ['/a..b', '/...', '/..a', '/%c0%ae%c0%ae/a', '/100%25', '/%', '/%zz', '/a/%2525']) {
    const answer = await exchange(t, port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    t.equal(answer.status, 200, path)
    t.equal(JSON.parse(answer.body).url, path)
  }
})

t.test('a limit for some methods leaves the others alone, and one for GET has HEAD', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, {
    upstream: origin,
    limits: [
      limitOf({ match: { methods: ['GET'] } }),
      limitOf({ name: 'posts', match: { methods: ['POST'] } }),
    ],
  })
  t.equal(await statusOf(t, port, 'GET /'), 200)
  t.equal(await statusOf(t, port, 'HEAD /'), 429, 'the same work for the application')
  t.equal(await statusOf(t, port, 'GET /'), 429)
  t.equal(await statusOf(t, port, 'OPTIONS /'), 200)
  t.equal(await statusOf(t, port, 'POST /'), 200)
  t.equal(await statusOf(t, port, 'POST /'), 429)
})

t.test('of several limits only those apply that match, and only they are told', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, {
    upstream: origin,
    limits: [
      limitOf({ burst: 9 }),
      limitOf({ name: 'logins', match: { path: '/login', methods: ['POST'] } }),
    ],
  })
  const client = await connectTo(t, port)
  client.send('GET /login HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await client.response()).header('ratelimit'), '"per-client";r=8;t=1')
  client.send('POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  t.equal((await client.response()).header('ratelimit'), '"per-client";r=7;t=2, "logins";r=0;t=1')
  client.send('POST /logins HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  t.equal((await client.response()).status, 200)
})

t.test(
  'another spelling of an exempt path is not exempt, one of a limited path behind it neither',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin, exempt: ['/static/*'], limits: [limitOf()] })
    t.equal(await statusOf(t, port, 'GET /api'), 200)
    for (const path of ['/STATIC/a', '/static', '/%73tatic/a', '/./static/a', '/static%2fa'])
      t.equal(await statusOf(t, port, `GET ${path}`), 429, path)
    for (const path of ['/static/../api', '/static/%2e%2e/api', '/static/..;/api', '/static/%252e%252e/api'])
      t.equal(await statusOf(t, port, `GET ${path}`), 400, path)
    t.equal(await statusOf(t, port, 'GET /static/a'), 200)
  },
)

t.test('a pattern beyond ASCII is for the path that browsers send', async (t) => {
  t.ok(pathMatcher('/caf\u00e9/*')(plainPath('/caf%C3%A9/menu')))
  t.ok(pathMatcher('/caf%C3%A9')(plainPath('/caf\xc3\xa9')))
})

/** Paths as people write them. */
const plain = fc
  .array(fc.stringMatching(/^[a-z0-9_-]{1,8}$/), { maxLength: 4 })
  .map((segments) => `/${segments.join('/')}`)

/** Encodes some of the characters, some of them twice. */
function respelt(path: string, choices: readonly number[]): string {
  let respelt = ''
  let at = 0
  for (const character of path) {
    const choice = choices[at % choices.length] ?? 0
    at += 1
    const encoded = `%${character.charCodeAt(0).toString(16)}`
    if (character === '/' && at === 1) respelt += '/'
    else if (choice === 1) respelt += encoded
    else if (choice === 2) respelt += encoded.replace('%', '%25')
    else if (choice === 3) respelt += character.toUpperCase()
    else if (choice === 4 && character === '/') respelt += '//./'
    else if (choice === 5 && character === '/') respelt += ';a=b/'
    else if (choice === 6 && character === '/') respelt += '\\'
    else respelt += character
  }
  return respelt
}

t.test('two spellings of one path are the same, whatever was done to them', async (t) => {
  const choices = fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 12 })
  const property = fc.property(plain, choices, choices, (path, a, b) => {
    return plainPath(respelt(path, a)) === plainPath(respelt(path, b))
  })
  fc.assert(property, { numRuns: 2_000 })
  t.pass('for 2,000 paths')
})

t.test('a plain path is as plain as can be, and nothing makes it throw', async (t) => {
  const hostile = fc
    .array(
      fc.constantFrom(
        '/',
        '.',
        '..',
        ';',
        '%2f',
        '%2e',
        '%5c',
        '%3b',
        '%',
        '\\',
        'a',
        'B',
        '%c0',
        '\xff',
        '=',
        ' ',
      ),
    )
    .map((parts) => `/${parts.join('')}`)
  const property = fc.property(hostile, (path) => {
    const once = plainPath(path)
    // Only what was encoded more often than is looked at may change once more.
    return once.includes('%') || plainPath(once) === once
  })
  fc.assert(property, { numRuns: 5_000 })
  t.pass('for 5,000 paths')
})

t.test('the longest path costs little, however it is made', async (t) => {
  const started = process.cpuUsage().user
  for (const piece of ['%25', '/.', ';', '//', '%2525', '\\', '/;'])
    plainPath(`/${piece.repeat(Math.floor(16_000 / piece.length))}`)
  t.ok(process.cpuUsage().user - started < 500_000, 'less than half a second for all')
})
