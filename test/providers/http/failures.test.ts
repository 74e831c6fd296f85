import t from 'tap'
import { retryAfterMs } from '../../../src/providers/shared/http/retry-after.ts'
import { answer, faults, type Handler, startBackend } from '../../support/backend.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

t.test('each status of a list has its meaning', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, `${backend.url}?CANARY-query`)
  for (const [status, kind, reason] of [
    [401, 'denied', 'denied'],
    [403, 'denied', 'denied'],
    [404, 'unavailable', 'status'],
    [410, 'unavailable', 'status'],
    [400, 'unavailable', 'status'],
    [407, 'unavailable', 'status'],
    [429, 'throttled', 'throttled'],
    [500, 'unavailable', 'status'],
    [503, 'unavailable', 'status'],
    [204, 'unavailable', 'status'],
    [206, 'unavailable', 'status'],
    [300, 'unavailable', 'status'],
  ] as const) {
    backend.handler = answer(status, status === 204 ? '' : 'CANARY-body')
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind, reason }, `status ${status}`)
    t.match(error.message, `GET ${new URL(backend.url).origin}: `)
    t.match(error.message, `status ${status}`)
    leaksNothing(t, error)
  }
})

t.test('404 and 410 for one key mean that it is missing', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, `${backend.url}/{key}`)
  for (const status of [404, 410]) {
    backend.handler = answer(status, 'CANARY-body')
    t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'missing', reason: 'not-found' })
  }
})

t.test('a failing backend that says when to come back is still unavailable', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(503, '', { 'retry-after': '30' })
  const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'status', retryAfterMs: 30_000 })
})

t.test('Retry-After is seconds or a date in any of its forms, and nonsense is ignored', async (t) => {
  const wall = Date.UTC(1994, 10, 6, 8, 49, 0)
  for (const [header, expected] of [
    ['7', 7000],
    ['0', 0],
    ['-5', 0],
    ['99999999999', 3_600_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
    ['Sun, 36 Nov 1994 08:00:00 GMT', undefined],
    ['soon', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    t.equal(retryAfterMs(header, wall), expected, `Retry-After: ${header}`)
  }
})

t.test('an answer that is not what was asked for is malformed, with the reason', async (t) => {
  const json = '{"key":"CANARY-1"}'
  const unframed: Handler = (_request, response) => {
    response.socket?.end(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${json}`,
    )
  }
  const cases: readonly (readonly [Handler, RegExp])[] = [
    [answer(200, json, { 'content-encoding': 'gzip' }), /compressed/],
    [answer(200, '<html>CANARY-login</html>', { 'content-type': 'text/html; charset=utf-8' }), /HTML/],
    [answer(200, ''), /empty/],
    [unframed, /nobody can tell whether it is complete/],
    [faults.noHttp, /not valid HTTP/],
  ]
  for (const path of ['/secrets', '/secrets/{key}']) {
    for (const [handler, words] of cases) {
      const backend = await startBackend(t)
      backend.handler = handler
      const error = await failureOf(
        (await httpProvider(t, `${backend.origin}${path}`)).fetch(['key'], signal()),
      )
      t.match(error, { kind: 'unavailable', reason: 'malformed' })
      t.match(error.message, words)
      leaksNothing(t, error)
    }
  }
})

t.test('an announced length beyond the limit is refused before the body is read', async (t) => {
  const backend = await startBackend(t)
  const left = Promise.withResolvers<void>()
  backend.handler = (_request, response) => {
    response.once('close', () => left.resolve())
    response.writeHead(200, { 'content-length': 1_000_000 })
    response.flushHeaders()
  }
  const error = await failureOf(
    (await httpProvider(t, backend.url, { maxBody: 1000 })).fetch(['key'], signal()),
  )
  t.match(error, { kind: 'unavailable', reason: 'oversized' })
  t.match(error.message, /larger than 1000 bytes.*maxBody/)
  await left.promise
})

t.test('a body without an announced length is cut at the limit', async (t) => {
  const backend = await startBackend(t)
  const left = Promise.withResolvers<void>()
  backend.handler = (_request, response) => {
    response.once('close', () => left.resolve())
    const more = (): void => {
      if (!response.destroyed) response.write('CANARY-'.repeat(100), () => setImmediate(more))
    }
    more()
  }
  const error = await failureOf(
    (await httpProvider(t, backend.url, { maxBody: 1000 })).fetch(['key'], signal()),
  )
  t.match(error, { kind: 'unavailable', reason: 'oversized' })
  leaksNothing(t, error)
  await left.promise
})

t.test('headers that come twice do no harm', async (t) => {
  const backend = await startBackend(t)
  backend.handler = (_request, response) => {
    const types = ['Content-Type', 'application/json', 'Content-Type', 'text/plain']
    const tags = ['ETag', '"1"', 'ETag', '"2"']
    response.writeHead(200, [...types, ...tags, 'Content-Length', '18']).end('{"key":"CANARY-1"}')
  }
  const provider = await httpProvider(t, backend.url)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
  await provider.fetch(['key'], signal())
  t.equal(backend.requests[1]?.headers['if-none-match'], undefined)
})

t.test('a body of exactly the limit is taken', async (t) => {
  const body = '{"key":"CANARY-1"}'
  const backend = await startBackend(t)
  backend.handler = answer(200, body)
  const provider = await httpProvider(t, backend.url, { maxBody: body.length })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
})

t.test('a failure is told by its status, whatever becomes of its body', async (t) => {
  const large: Handler = (_request, response) => {
    response.writeHead(403).end('CANARY-'.repeat(100_000))
  }
  const broken: Handler = (_request, response) => {
    response.writeHead(403, { 'content-length': 1000 })
    response.write('CANARY-', () => response.socket?.resetAndDestroy())
  }
  for (const handler of [large, broken]) {
    const backend = await startBackend(t)
    backend.handler = handler
    const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
    t.match(error, { kind: 'denied', reason: 'denied' })
  }
})

t.test('connections are used again after a failure', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, `${backend.url}/{key}`)
  for (let n = 0; n < 5; n++) await provider.fetch(['key'], signal())
  t.equal(backend.requests.length, 5)
  // The next request may begin in the moment before the first connection is free again.
  t.ok(backend.sockets.size <= 2, `${backend.sockets.size} connections`)
})

t.test('a backend that comes back is used again', async (t) => {
  const backend = await startBackend(t, { secrets: [['key', 'CANARY-1']] })
  const provider = await httpProvider(t, backend.url)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
  await backend.stop()
  t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'unavailable' })
  await backend.start()
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
})
