import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import type { ApiDeps } from '../../src/api/ports.ts'
import { createLog } from '../../src/observability/log.ts'
import { problemUrn } from '../../src/problem.ts'
import { head, raw, request } from './support/client.ts'
import { createWorld } from './support/world.ts'

const door = ['Host: localhost', 'X-Sidekeep-Request: true']

t.test('an error is a problem document that nobody may keep (RFC 9457)', async (t) => {
  const world = await createWorld(t)
  const { status, headers, json } = await world.get('/v1/secrets/nope')
  t.equal(status, 404)
  t.match(headers, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  t.match(json(), {
    type: 'urn:sidekeep:problem:secret-not-found',
    title: 'Secret not found',
    status: 404,
    detail: /"nope"/,
    code: 'SIDEKEEP_SECRET_NOT_FOUND',
  })
  t.equal(problemUrn('SIDEKEEP_HOST_NOT_ALLOWED'), 'urn:sidekeep:problem:host-not-allowed')
})

t.test('a path that is none is 404, without its query', async (t) => {
  const world = await createWorld(t)
  for (const path of ['/', '/v1', '/v1/secrets2', '/V1/secrets', '/livez/', '/v1/refresh?x=CANARY-query-1']) {
    const { status, text, json } = await world.get(path)
    t.equal(status, path.startsWith('/v1/refresh') ? 405 : 404, path)
    t.notMatch(text, 'CANARY-')
    if (status === 404) t.match(String(json().code), /_NOT_FOUND$/)
  }
  t.notMatch((await world.get('/nope?x=CANARY-query-1')).text, 'CANARY-')
})

t.test('another method is 405 with Allow', async (t) => {
  const world = await createWorld(t)
  for (const [method, path, allow] of [
    ['POST', '/v1/secrets/db-password', 'GET, HEAD'],
    ['DELETE', '/v1/secrets/a/b', 'GET, HEAD'],
    ['PUT', '/v1/secrets', 'GET, HEAD'],
    ['OPTIONS', '/v1/secrets', 'GET, HEAD'],
    ['PROPFIND', '/v1/secrets', 'GET, HEAD'],
    ['GET', '/v1/refresh', 'POST'],
    ['GET', '/v1/refresh/db-password', 'POST'],
    ['POST', '/livez?verbose', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
  ] as const) {
    const { status, headers, json } = await request(world.port, method, path, {
      headers: { 'X-Sidekeep-Request': 'true', 'Content-Type': 'a/b' },
    })
    t.equal(status, 405, `${method} ${path}`)
    t.equal(headers.allow, allow, `${method} ${path}`)
    t.equal(json().code, 'SIDEKEEP_METHOD_NOT_ALLOWED')
  }
})

t.test('a path whose escapes are broken is 400', async (t) => {
  const world = await createWorld(t)
  for (const path of ['/v1/secrets/%', '/v1/secrets/%zz', '/v1/secrets/%ff', '/%c0%af']) {
    const { status, json } = await world.get(path)
    t.equal(status, 400, path)
    t.equal(json().code, 'SIDEKEEP_BAD_REQUEST', path)
  }
  const options = await raw(world.port, head('OPTIONS * HTTP/1.1', ...door))
  t.match(options, /^HTTP\/1\.1 405 /)
  t.match(options, /^Allow: GET, HEAD, POST\r$/m)
  t.match(await raw(world.port, head('GET * HTTP/1.1', ...door)), /^HTTP\/1\.1 404 /)
  t.equal((await world.get(`/livez/${'x'.repeat(200)}`)).status, 400)
})

t.test('a body above 1 KiB is 413 and ends the connection, announced or not', async (t) => {
  const world = await createWorld(t)
  const announced = await world.post('/v1/refresh/db-password', { body: 'x'.repeat(1_025) })
  t.equal(announced.status, 413)
  t.equal(announced.json().code, 'SIDEKEEP_REQUEST_TOO_LARGE')
  const chunked = ['POST /v1/refresh/db-password HTTP/1.1', ...door, 'Transfer-Encoding: chunked']
  const answer = await raw(world.port, chunked, `401\r\n${'x'.repeat(1_025)}\r\n0\r\n\r\n`)
  t.match(answer, /^HTTP\/1\.1 413 /)
  t.equal(answer.match(/^Connection: close\r$/gim)?.length, 1)
  t.equal((await world.post('/v1/refresh/db-password', { body: 'x'.repeat(1_024) })).status, 200)
})

t.test('what is no HTTP, and headers without end, get a problem document from the parser', async (t) => {
  const world = await createWorld(t)
  const garbage = await raw(world.port, ['nonsense'])
  t.match(garbage, /^HTTP\/1\.1 400 Bad Request\r\n/)
  t.match(garbage, '"code":"SIDEKEEP_BAD_REQUEST"')
  t.match(garbage, 'Content-Type: application/problem+json')
  const large = await raw(
    world.port,
    head('GET /v1/secrets HTTP/1.1', ...door, `X-Large: ${'x'.repeat(20_000)}`),
  )
  t.match(large, /^HTTP\/1\.1 431 /)
  t.match(large, '"code":"SIDEKEEP_HEADERS_TOO_LARGE"')
  const smuggled = await raw(
    world.port,
    head('POST /v1/refresh HTTP/1.1', ...door, 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    '0\r\n\r\n',
  )
  t.match(smuggled, /^HTTP\/1\.1 400 /)
  t.match((await world.get('/metrics')).text, 'route="unmatched",method="other",status="431"} 1')
})

t.test('a request that does not arrive in full is 408', async (t) => {
  const world = await createWorld(t)
  // Not a wait for ten seconds: what Node would find out after them.
  const socket = connect({ host: '127.0.0.1', port: world.port })
  const { promise: accepted, resolve } = Promise.withResolvers<import('node:net').Socket>()
  world.api.server.once('connection', resolve)
  socket.write('GET /v1/sec')
  const error = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  world.api.server.emit('clientError', error, await accepted)
  const answer = (await buffer(socket)).toString()
  t.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
  t.match(answer, '"code":"SIDEKEEP_REQUEST_INCOMPLETE"')
})

t.test('an expectation that is none of ours is ignored', async (t) => {
  const world = await createWorld(t)
  const answer = await raw(world.port, head('GET /v1/secrets HTTP/1.1', ...door, 'Expect: wonders'))
  t.match(answer, /^HTTP\/1\.1 200 /)
})

t.test(
  'what breaks inside is 500 with a fixed text; neither the answer nor the log has what the error quoted',
  async (t) => {
    const lines: string[] = []
    const log = await createLog({
      level: 'info',
      format: 'json',
      destination: { write: (line) => lines.push(line) },
    })
    const cache: ApiDeps['cache'] = {
      status: () => undefined,
      read: () => {
        throw new SyntaxError('Unexpected token in "CANARY-quoted-1"')
      },
      statuses: () => [],
    }
    const world = await createWorld(t, { deps: { cache, log } })
    const { status, json, text } = await world.get('/v1/secrets/db-password')
    t.equal(status, 500)
    t.strictSame(json(), {
      type: 'urn:sidekeep:problem:internal',
      title: 'Internal error',
      status: 500,
      detail: 'Something went wrong inside the sidecar.',
      code: 'SIDEKEEP_INTERNAL',
    })
    t.notMatch(text, 'CANARY-')
    t.equal(lines.length, 1)
    t.match(lines[0], '"name":"SyntaxError"')
    t.match(lines[0], 'errors.test.ts', 'the log tells the place')
    t.notMatch(lines[0], 'CANARY-')
  },
)
