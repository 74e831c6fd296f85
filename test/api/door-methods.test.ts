import t from 'tap'
import { longestUrl } from '../../src/api/door/size.ts'
import { head, raw } from './support/client.ts'
import { outcome } from './support/outcome.ts'
import { createWorld } from './support/world.ts'

const notAllowed = '405 SIDEKEEP_METHOD_NOT_ALLOWED'
const door = ['Host: localhost', 'X-Sidekeep-Request: true']

t.test(
  'methods that no route takes are refused before anything else of the request is looked at',
  async (t) => {
    const world = await createWorld(t)
    for (const method of [
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'LOCK',
      'PURGE',
      'QUERY',
    ]) {
      const answer = await raw(
        world.port,
        head(`${method} /v1/secrets/db-password HTTP/1.1`, 'Host: evil.example'),
      )
      t.equal(outcome(answer), notAllowed, method)
      t.match(answer, /^Allow: GET, HEAD\r$/m, method)
      t.notMatch(answer, /access-control/i, method)
    }
  },
)

t.test(
  'Allow names the methods of the path, and where there is nothing those that there are elsewhere',
  async (t) => {
    const world = await createWorld(t)
    for (const [path, allow] of [
      ['/v1/refresh', 'POST'],
      ['/v1/secrets', 'GET, HEAD'],
      ['/nope', 'GET, HEAD, POST'],
      ['/%zz', 'GET, HEAD, POST'],
      ['*', 'GET, HEAD, POST'],
    ] as const) {
      const answer = await raw(world.port, head(`OPTIONS ${path} HTTP/1.1`, ...door))
      t.equal(outcome(answer), notAllowed, path)
      t.match(answer, new RegExp(`^Allow: ${allow}\\r$`, 'm'), path)
    }
  },
)

t.test('CONNECT opens no tunnel: it is answered and the connection ends', async (t) => {
  const world = await createWorld(t)
  for (const target of ['localhost:80', 'evil.example:443', '/v1/secrets/db-password']) {
    const answer = await raw(world.port, [`CONNECT ${target} HTTP/1.1`, ...door], 'GET / HTTP/1.1\r\n\r\n')
    t.equal(outcome(answer), notAllowed, target)
    t.match(answer, /^Allow: GET, HEAD, POST\r$/m)
    t.match(answer, /^Connection: close\r$/m)
    t.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, 'what follows is no request')
  }
  t.match((await world.get('/metrics')).text, /route="unmatched",method="other",status="405"\} 3/)
})

t.test('an upgrade is not made: the request is answered as any other', async (t) => {
  const world = await createWorld(t)
  const lines = [
    'GET /v1/secrets/db-password HTTP/1.1',
    ...door,
    'Connection: Upgrade, close',
    'Upgrade: websocket',
  ]
  t.equal(outcome(await raw(world.port, lines)), '200')
})

t.test('a URL of 8 KiB is taken, and a longer one is 414', async (t) => {
  const world = await createWorld(t)
  const path = '/nope?'
  const url = `${path}${'x'.repeat(longestUrl - path.length)}`
  t.equal(
    outcome(await raw(world.port, head(`GET ${url} HTTP/1.1`, ...door))),
    '404 SIDEKEEP_ROUTE_NOT_FOUND',
  )
  for (const line of [
    `GET ${url}x HTTP/1.1`,
    `POST ${url}x HTTP/1.1`,
    `GET http://localhost${url} HTTP/1.1`,
  ]) {
    const answer = await raw(world.port, head(line, ...door))
    t.equal(outcome(answer), '414 SIDEKEEP_URL_TOO_LONG')
    t.match(answer, /^HTTP\/1\.1 414 URI Too Long\r$/m)
  }
})
