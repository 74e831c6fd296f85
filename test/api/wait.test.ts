import http from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { withoutCallers } from '../../src/access/anyone.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { HttpAnswer } from '../support/http-answer.ts'
import { settle } from '../support/virtual-clock.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const path = '/v1/secrets/db-password'

async function tagOf(world: World, of = path): Promise<string> {
  return (await world.get(of)).headers.etag ?? ''
}

/** A request that waits, once the sidecar knows of it. */
async function waiting(
  world: World,
  headers: Record<string, string>,
  { query = '', of = path }: { query?: string; of?: string } = {},
): Promise<{ answer: Promise<HttpAnswer> }> {
  const before = world.metrics.changes.waiting
  const answer = world.get(`${of}${query}`, { headers })
  while (world.metrics.changes.waiting === before) await settle()
  // Within an object: an async function would wait for the promise itself.
  return { answer }
}

async function rotate(world: World, value = 'CANARY-db-password-2'): Promise<void> {
  world.provider.values.set('db-password', value)
  await refreshNow(world)
}

async function refreshNow(world: World): Promise<void> {
  await pause(world)
  await world.refresher.refresh('db-password')
}

t.test('whoever holds another version is answered at once', async (t) => {
  const world = await createWorld(t)
  for (const headers of [{}, { 'If-None-Match': '"other/json"' }] as const) {
    const {
      status,
      headers: answered,
      json,
    } = await world.get(path, { headers: { ...headers, Prefer: 'wait=30' } })
    t.equal(status, 200)
    t.equal(json().value, 'CANARY-db-password-1')
    t.equal(answered['preference-applied'], 'wait=30')
  }
  t.equal((await world.get(`${path}?wait=30s`)).headers['preference-applied'], undefined)
  t.equal(world.metrics.changes.waiting, 0)
  t.match((await world.get('/v1/secrets/nope?wait=30s')).json(), { code: 'SIDEKEEP_SECRET_NOT_FOUND' })
})

t.test('whoever holds the version is answered when it changes', async (t) => {
  const world = await createWorld(t)
  const tag = await tagOf(world)
  for (const [headers, query] of [
    [{ 'If-None-Match': tag, Prefer: 'respond-async, wait="20"' }, ''],
    [{ 'If-None-Match': tag }, '?wait=20s'],
    [{ 'If-None-Match': tag, Accept: 'application/json', Prefer: 'wait=1' }, '?wait=20s&format=json'],
  ] as const) {
    await rotate(world, 'CANARY-db-password-1')
    const { answer } = await waiting(world, { ...headers, 'If-None-Match': await tagOf(world) }, { query })
    await world.clock.advance(18_000)
    t.equal(world.metrics.changes.waiting, 1)
    await rotate(world)
    const { status, json, headers: answered } = await answer
    t.equal(status, 200)
    t.equal(json().value, 'CANARY-db-password-2')
    t.equal(answered['preference-applied'], query === '' ? 'wait=20' : undefined)
    t.equal(world.metrics.changes.waiting, 0)
  }
})

t.test('at the deadline it is 304, and no later than a caller may wait', async (t) => {
  const world = await createWorld(t, { config: { maxWait: 10_500 } })
  const tag = await tagOf(world)
  for (const [headers, query, ms, applied] of [
    [{ Prefer: 'wait=7' }, '', 7_000, 'wait=7'],
    [{ Prefer: 'wait=3600' }, '', 10_000, 'wait=10'],
    [{}, '?wait=300ms', 300, undefined],
    [{}, '?wait=1h', 10_500, undefined],
    [{}, '?wait=99999999999999999999d', 10_500, undefined],
  ] as const) {
    const { answer } = await waiting(world, { 'If-None-Match': tag, ...headers }, { query })
    await world.clock.advance(ms - 1)
    t.equal(world.metrics.changes.waiting, 1, `still waits ${query}`)
    await world.clock.advance(1)
    const { status, bytes, headers: answered } = await answer
    t.equal(status, 304)
    t.equal(bytes.length, 0)
    t.equal(answered['preference-applied'], applied)
    t.ok(answered.etag)
  }
})

t.test('a wait of nothing, and a preference that is none, are a plain read', async (t) => {
  const world = await createWorld(t)
  const tag = await tagOf(world)
  for (const [headers, query] of [
    [{ Prefer: 'wait=0' }, ''],
    [{ Prefer: 'wait=soon' }, ''],
    [{ Prefer: 'respond-async' }, ''],
    [{}, '?wait=0s'],
  ] as const) {
    t.equal(
      (await world.get(`${path}${query}`, { headers: { 'If-None-Match': tag, ...headers } })).status,
      304,
    )
  }
})

t.test('a wait that is no duration, or that is to refresh too, is 400', async (t) => {
  const world = await createWorld(t)
  for (const query of [
    'wait=',
    'wait=30',
    'wait=-1s',
    'wait=1.5s',
    'wait=1s&wait=2s',
    'wait=1s&refresh=true',
  ]) {
    const { status, json } = await world.get(`${path}?${query}`)
    t.equal(status, 400, query)
    t.match(json().detail, '"wait"', query)
  }
  const { status } = await world.get(`${path}?refresh=true`, { headers: { Prefer: 'wait=30' } })
  t.equal(status, 200, 'a preference gives way')
})

t.test('a change of state alone, or of another secret, ends no wait', async (t) => {
  const world = await createWorld(t, {
    values: { 'db-password': 'CANARY-db-password-1', other: 'CANARY-other-1' },
  })
  const { answer } = await waiting(world, { 'If-None-Match': await tagOf(world) }, { query: '?wait=1m' })
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(30_000)
  world.provider.failure = undefined
  world.provider.values.set('other', 'CANARY-other-2')
  await world.refresher.refreshAll()
  await settle()
  t.equal(world.metrics.changes.waiting, 1)
  await world.clock.advance(30_000)
  t.equal((await answer).status, 304)
})

t.test(
  'a wait outlives the moment in which the secret turns stale, and one in a form of its own',
  async (t) => {
    const world = await createWorld(t, { rules: { 'db-password': { refreshMs: 20_000 } } })
    const raw = await tagOf(world, `${path}?format=raw`)
    const both = [
      await waiting(world, { 'If-None-Match': await tagOf(world) }, { query: '?wait=1m' }),
      await waiting(world, { 'If-None-Match': raw }, { query: '?wait=1m&format=raw' }),
    ]
    world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
    await world.clock.advance(40_000)
    t.equal(world.cache.status('db-password')?.state, 'stale')
    t.equal(world.metrics.changes.waiting, 2)
    world.provider.failure = undefined
    await rotate(world)
    for (const { status, text } of await Promise.all(both.map(({ answer }) => answer))) {
      t.equal(status, 200)
      t.match(text, 'CANARY-db-password-2')
    }
  },
)

t.test('a secret that is not loaded yet is waited for; else its 503 at the deadline', async (t) => {
  const world = await createWorld(t, { loaded: false })
  const { answer: late } = await waiting(world, { Prefer: 'wait=2' })
  await world.clock.advance(2_000)
  const refused = await late
  t.equal(refused.status, 503)
  t.equal(refused.json().code, 'SIDEKEEP_SECRET_NOT_LOADED')
  t.equal(refused.headers['preference-applied'], 'wait=2')
  const { answer } = await waiting(world, {}, { query: '?wait=30s' })
  world.refresher.start()
  const { status, json } = await answer
  t.equal(status, 200)
  t.equal(json().value, 'CANARY-db-password-1')
})

t.test('an expired secret is waited for until it is served again', async (t) => {
  const world = await createWorld(t, { rules: { 'db-password': { maxStaleMs: 900_000 } } })
  const tag = await tagOf(world)
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(1_000_000)
  const answers = [
    await waiting(world, { 'If-None-Match': tag }, { query: '?wait=1s' }),
    await waiting(world, {}, { query: '?wait=1m' }),
  ]
  await world.clock.advance(1_000)
  t.equal((await answers[0]?.answer)?.json().code, 'SIDEKEEP_SECRET_EXPIRED')
  world.provider.failure = undefined
  await refreshNow(world)
  t.equal((await answers[1]?.answer)?.json().value, 'CANARY-db-password-1')
})

t.test('a secret that turns missing while it is waited for is 404 then', async (t) => {
  const world = await createWorld(t)
  const { answer } = await waiting(world, { 'If-None-Match': await tagOf(world) }, { query: '?wait=1m' })
  world.provider.values.delete('db-password')
  await refreshNow(world)
  const { status, json } = await answer
  t.equal(status, 404)
  t.equal(json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
})

t.test('a pattern secret is fetched for who waits, and fetched again where that failed', async (t) => {
  const world = await createWorld(t, { values: {}, rules: { 'shared/*': { key: '*' } } })
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  const of = '/v1/secrets/shared/token'
  const { answer } = await waiting(world, {}, { query: '?wait=1m', of })
  t.equal(world.provider.calls, 1)
  world.provider.failure = undefined
  world.provider.values.set('token', 'CANARY-token-1')
  await world.clock.advance(30_000)
  t.equal((await answer).json().value, 'CANARY-token-1')
  t.equal(world.provider.calls, 2)
  t.equal((await world.get('/v1/secrets/shared/none?wait=1m')).status, 404)
})

t.test('a first fetch that outlasts the caller’s own deadline is not waited for any longer', async (t) => {
  const world = await createWorld(t, { values: {}, rules: { 'shared/*': { key: '*' } } })
  world.provider.values.set('token', 'CANARY-token-1')
  const open = world.provider.hold()
  const answer = world.get('/v1/secrets/shared/token?wait=1s')
  while (world.provider.calls === 0) await settle()
  await world.clock.advance(1_000)
  t.equal((await answer).json().code, 'SIDEKEEP_SECRET_NOT_LOADED')
  open()
})

t.test('one that overslept is fetched first, by plain reads and by those that wait', async (t) => {
  const world = await createWorld(t)
  const demands: string[] = []
  const held = world.cache.read('db-password')
  const overslept = { kind: 'expired', retryAfterMs: 1, ageMs: 1, overslept: true } as const
  let reading: ReturnType<typeof world.cache.read> = overslept
  const { createApi } = await import('../../src/api/server.ts')
  const { portOf } = await import('./support/world.ts')
  const { request } = await import('./support/client.ts')
  const app = createApi({
    ...world.deps,
    access: withoutCallers('test', () => false),
    cache: { read: () => reading, status: () => undefined, statuses: () => [] },
    refresher: {
      demand: async (name) => {
        demands.push(name)
        reading = held
        return held
      },
      refresh: async () => ({ outcome: 'not-found' }),
      refreshAll: async () => [],
      rejected: async () => ({ outcome: 'not-found' }),
      explain: () => undefined,
    },
  })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  for (const query of ['', '?wait=1s']) {
    reading = overslept
    t.equal((await request(portOf(app), 'GET', `${path}${query}`)).json().value, 'CANARY-db-password-1')
  }
  t.strictSame(demands, ['db-password', 'db-password'])
})

t.test('a field of a value is waited for like the value, and one that is not there is 404', async (t) => {
  const world = await createWorld(t, { values: { 'db-password': '{"password":"CANARY-field-1"}' } })
  const tag = await tagOf(world, `${path}?field=password`)
  t.equal((await world.get(`${path}?field=nope&wait=1m`, { headers: { 'If-None-Match': tag } })).status, 404)
  const { answer } = await waiting(world, { 'If-None-Match': tag }, { query: '?field=password&wait=1m' })
  await rotate(world, '{"password":"CANARY-field-2"}')
  t.equal((await answer).json().value, 'CANARY-field-2')
})

t.test('beyond api.maxWaiters it is 503 with Retry-After, but not where no wait is needed', async (t) => {
  const world = await createWorld(t, { config: { maxWaiters: 1 } })
  const tag = await tagOf(world)
  const headers = { 'If-None-Match': tag }
  const { answer: first } = await waiting(world, headers, { query: '?wait=1m' })
  const { status, json, headers: answered } = await world.get(`${path}?wait=1m`, { headers })
  t.equal(status, 503)
  t.equal(json().code, 'SIDEKEEP_TOO_MANY_WAITERS')
  t.equal(answered['retry-after'], '1')
  t.equal((await world.get(`${path}?wait=1m`)).status, 200)
  await world.clock.advance(60_000)
  t.equal((await first).status, 304)
  const { answer: again } = await waiting(world, headers, { query: '?wait=1s' })
  await world.clock.advance(1_000)
  t.equal((await again).status, 304)
})

t.test('a caller that leaves is forgotten at once, with all its pipelined requests', async (t) => {
  const world = await createWorld(t)
  const tag = await tagOf(world)
  const line = `GET ${path}?wait=1m HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\nIf-None-Match: ${tag}\r\n\r\n`
  const warnings: unknown[] = []
  const warned = (warning: unknown): unknown => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const timers = world.clock.pending
  const socket = connect({ host: '127.0.0.1', port: world.port })
  socket.write(line.repeat(15))
  while (world.metrics.changes.waiting < 1) await settle()
  await settle()
  t.equal(world.metrics.changes.waiting, 1, 'of one connection one request at a time')
  socket.destroy()
  while (world.metrics.changes.waiting > 0) await settle()
  t.equal(world.clock.pending, timers, 'no timer is left of them')
  await settle()
  t.strictSame(warnings, [])
  t.match((await world.get('/metrics')).text, 'route="/v1/secrets/{name}",method="GET",status="499"} 1\n')
})

t.test('requests on one connection wait one after the other, as often as they like', async (t) => {
  const world = await createWorld(t)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (let version = 2; version < 20; version += 1) {
    const answer = world.get(`${path}?wait=1m`, { headers: { 'If-None-Match': await tagOf(world) }, agent })
    while (world.metrics.changes.waiting === 0) await settle()
    await rotate(world, `CANARY-db-password-${version}`)
    t.equal((await answer).json().value, `CANARY-db-password-${version}`)
  }
})

t.test('a stop lets go all who wait, at once', async (t) => {
  const world = await createWorld(t, { loaded: false })
  const unloaded = await waiting(world, {}, { query: '?wait=1m' })
  const other = await createWorld(t)
  const held = await waiting(other, { 'If-None-Match': await tagOf(other) }, { query: '?wait=1m' })
  const started = performance.now()
  const closed = Promise.all([world.api.close(), other.api.close()])
  const [refused, unchanged] = [await unloaded.answer, await held.answer]
  t.equal(refused.status, 503)
  t.equal(refused.json().code, 'SIDEKEEP_SECRET_NOT_LOADED')
  t.equal(unchanged.status, 304)
  t.equal(unchanged.headers.connection, 'close')
  await closed
  t.ok(performance.now() - started < 3_000)
})

t.test('the time that callers wait is no part of the time that answers take', async (t) => {
  const world = await createWorld(t)
  const { answer } = await waiting(world, { 'If-None-Match': await tagOf(world) }, { query: '?wait=50s' })
  const { text: during } = await world.get('/metrics')
  t.match(during, 'sidekeep_waiting_requests 1\n')
  await world.clock.advance(50_000)
  await answer
  const { text: after } = await world.get('/metrics')
  t.match(after, 'sidekeep_waiting_requests 0\n')
  t.match(after, 'sidekeep_api_requests_total{route="/v1/secrets/{name}",method="GET",status="304"} 1\n')
  t.match(after, 'sidekeep_api_request_duration_seconds_sum{route="/v1/secrets/{name}"} 0\n')
})

t.test('a connection on which somebody waits for long is not taken for one that hangs', async (t) => {
  const world = await createWorld(t, { config: { maxWait: 3_600_000, refreshTimeout: 1_000 } })
  const sockets: Socket[] = []
  world.api.server.on('connection', (socket: Socket) => sockets.push(socket))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const { headers } = await world.get(path, { agent })
  const [socket] = sockets
  const answer = world.get(`${path}?wait=1h`, { headers: { 'If-None-Match': headers.etag ?? '' }, agent })
  while (world.metrics.changes.waiting === 0) await settle()
  t.equal(sockets.length, 1)
  t.ok((socket?.timeout ?? 0) > 3_600_000)
  await rotate(world)
  t.equal((await answer).status, 200)
  t.ok((socket?.timeout ?? 0) < 60_000, 'no longer than that')
})

t.test('HEAD waits as GET does, and answers no body', async (t) => {
  const world = await createWorld(t)
  const tag = await tagOf(world)
  const socket = connect({ host: '127.0.0.1', port: world.port })
  socket.write(
    `HEAD ${path}?wait=1m HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\nIf-None-Match: ${tag}\r\nConnection: close\r\n\r\n`,
  )
  const answer = text(socket)
  while (world.metrics.changes.waiting === 0) await settle()
  await rotate(world)
  t.match(await answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s)
})
