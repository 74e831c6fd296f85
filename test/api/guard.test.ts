import t from 'tap'
import type { Route } from '../../src/api/routes/route.ts'
import { apiRoutes } from '../../src/api/server.ts'
import { head, raw, request } from './support/client.ts'
import { outcome } from './support/outcome.ts'
import { createWorld } from './support/world.ts'

const secret = 'GET /v1/secrets/db-password HTTP/1.1'
const token = 'X-Sidekeep-Request: true'

const forwarded = '400 SIDEKEEP_FORWARDED_REQUEST'
const misdirected = '421 SIDEKEEP_HOST_NOT_ALLOWED'
const required = '401 SIDEKEEP_HEADER_REQUIRED'
const bad = '400 SIDEKEEP_BAD_REQUEST'

t.test('a request that a proxy relayed is refused, whatever header says so', async (t) => {
  const world = await createWorld(t)
  for (const header of [
    'X-Forwarded-For: 1.2.3.4',
    'x-FORWARDED-for: 127.0.0.1',
    'X-Forwarded-For:',
    'X-Forwarded-Host: localhost',
    'X-Forwarded-Proto: https',
    'Forwarded: for=1.2.3.4',
    'forwarded:',
    'X-Real-IP: 1.2.3.4',
    'X-REAL-IP: ',
    'Via: 1.1 proxy',
  ]) {
    t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', token, header))), forwarded, header)
  }
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', token, 'X-Forwarder: x'))), '200')
})

t.test('Host must name loopback, by whatever name, case and port', async (t) => {
  const world = await createWorld(t)
  for (const host of [
    'localhost',
    'LocalHost:7575',
    'localhost.',
    'localhost.:80',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.1.2.255:7575',
    '[::1]',
    '[::1]:7575',
    'localhost:',
  ]) {
    t.equal(outcome(await raw(world.port, head(secret, `Host: ${host}`, token))), '200', host)
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'a.localhost',
    '127.0.0.1.evil.example',
    '127.0.0.256',
    '127.0.0.01',
    '128.0.0.1',
    '0.0.0.0',
    '[::]',
    '[::2]:7575',
    '::1',
    'localhost@evil.example',
    'evil.example#localhost',
    'localhost:80:80',
    'localhost localhost',
    'localhost..',
    '',
  ]) {
    t.equal(outcome(await raw(world.port, head(secret, `Host: ${host}`, token))), misdirected, host)
  }
})

t.test(
  'configured hosts are allowed beside loopback, without regard to case, port and a trailing dot',
  async (t) => {
    const world = await createWorld(t, { config: { hosts: ['Sidekeep.Internal', 'other.internal:7575'] } })
    for (const host of ['sidekeep.internal', 'SIDEKEEP.internal.:80', 'other.internal', 'localhost']) {
      t.equal(outcome(await raw(world.port, head(secret, `Host: ${host}`, token))), '200', host)
    }
    t.equal(outcome(await raw(world.port, head(secret, 'Host: evil.internal', token))), misdirected)
  },
)

t.test('no Host, or two of them, is 400', async (t) => {
  const world = await createWorld(t)
  t.equal(outcome(await raw(world.port, head(secret, token))), bad)
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', 'Host: localhost', token))), bad)
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', 'HOST: evil.example', token))), bad)
  t.equal(outcome(await raw(world.port, head(secret.replace('1.1', '1.0'), token))), misdirected)
})

t.test('of a target in absolute form the authority must be allowed too', async (t) => {
  const world = await createWorld(t)
  const absolute = (authority: string) => `GET http://${authority}/v1/secrets/db-password HTTP/1.1`
  t.equal(outcome(await raw(world.port, head(absolute('localhost:7575'), 'Host: localhost', token))), '200')
  t.equal(
    outcome(await raw(world.port, head(absolute('evil.example'), 'Host: localhost', token))),
    misdirected,
  )
  t.equal(
    outcome(await raw(world.port, head(absolute('localhost'), 'Host: evil.example', token))),
    misdirected,
  )
  t.equal(
    outcome(await raw(world.port, head(absolute('evil.example@localhost'), 'Host: localhost', token))),
    misdirected,
  )
})

t.test('the header X-Sidekeep-Request must be true', async (t) => {
  const world = await createWorld(t)
  for (const header of [
    'X-Other: 1',
    'X-Sidekeep-Request: false',
    'X-Sidekeep-Request:',
    'X-Sidekeep-Request: true, true',
  ]) {
    const answer = await raw(world.port, head(secret, 'Host: localhost', header))
    t.equal(outcome(answer), required, header)
    t.match(answer, /^WWW-Authenticate: /m)
    t.notMatch(answer, 'CANARY-')
  }
  for (const header of ['x-sidekeep-request: TRUE', 'X-Sidekeep-Request:true ']) {
    t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', header))), '200', header)
  }
})

t.test('with open access the header is not asked for, and everything else is', async (t) => {
  const world = await createWorld(t, { config: { access: 'open' } })
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost'))), '200')
  t.equal(outcome(await raw(world.port, head(secret, 'Host: evil.example'))), misdirected)
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost', 'Via: 1.1 x'))), forwarded)
})

t.test('the checks are made in their order', async (t) => {
  const world = await createWorld(t)
  const all = ['Host: evil.example', 'Host: localhost', 'Forwarded: for=x', 'Content-Length: 2000']
  t.equal(outcome(await raw(world.port, head(secret, ...all))), '413 SIDEKEEP_REQUEST_TOO_LARGE')
  t.equal(outcome(await raw(world.port, head(secret, ...all.slice(0, 3)))), forwarded)
  t.equal(outcome(await raw(world.port, head(secret, ...all.slice(0, 2)))), bad)
  t.equal(outcome(await raw(world.port, head(secret, ...all.slice(0, 1)))), misdirected)
  t.equal(outcome(await raw(world.port, head(secret, 'Host: localhost'))), required)
})

t.test('every route of api but health has the door before it, and so has what is no route', async (t) => {
  const world = await createWorld(t)
  const pathOf = ({ path }: Route) => path.replace('{name}', 'db-password').replace('{check}', 'event-loop')
  const routes = apiRoutes(world.deps)
  const guarded = routes.filter(({ skipsDoor }) => !skipsDoor)
  t.strictSame(
    routes.filter(({ skipsDoor }) => skipsDoor).map(({ path }) => path.replace('/{check}', '')),
    ['/livez', '/livez', '/healthz', '/healthz', '/startupz', '/startupz', '/readyz', '/readyz'],
  )
  t.equal(guarded.length, 10)
  for (const route of guarded) {
    const { status, json } = await request(world.port, route.method, pathOf(route))
    t.equal(status, 401, route.path)
    t.equal(json().code, 'SIDEKEEP_HEADER_REQUIRED', route.path)
  }
  for (const [method, path] of [
    ['GET', '/nope'],
    ['POST', '/v1/secrets/db-password'],
    ['POST', '/nope'],
    ['GET', '/%zz'],
  ] as const) {
    t.equal((await request(world.port, method, path)).status, 401, `${method} ${path}`)
  }
  t.equal((await request(world.port, 'PROPFIND', '/')).status, 405, 'before the header is looked for')
})

t.test('the ops listener answers probes and metrics under any Host, and has no secrets', async (t) => {
  const world = await createWorld(t)
  const headers = { Host: '10.0.0.7:7576', 'X-Forwarded-For': '10.0.0.1' }
  t.equal((await request(world.opsPort, 'GET', '/metrics', { headers })).status, 200)
  t.equal((await request(world.opsPort, 'GET', '/readyz', { headers })).status, 200)
  for (const path of ['/v1/secrets', '/v1/secrets/db-password', '/openapi.json', '/v1/refresh']) {
    const { status, json } = await request(world.opsPort, 'GET', path, { headers })
    t.equal(status, 404, path)
    t.equal(json().code, 'SIDEKEEP_ROUTE_NOT_FOUND', path)
  }
})

t.test('over a Unix socket the same door stands', async (t) => {
  const { join } = await import('node:path')
  const http = await import('node:http')
  const world = await createWorld(t)
  const { createApi } = await import('../../src/api/server.ts')
  const path = join(t.testdir(), 'api.sock')
  const app = createApi(world.deps)
  t.teardown(() => app.close())
  await app.listen({ path })
  const status = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      http
        .get({ socketPath: path, path: '/v1/secrets/db-password', headers, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
  t.equal(await status({ 'X-Sidekeep-Request': 'true' }), 200)
  t.equal(await status({}), 401)
  t.equal(await status({ 'X-Sidekeep-Request': 'true', Host: 'evil.example' }), 421)
})
