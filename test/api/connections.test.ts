import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const get = 'GET /v1/secrets/db-password HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n'

async function open(t: { teardown(fn: () => unknown): void }, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const rules = { 'db-password': {}, 'shared/*': { key: '*' } }

/** Callers, each on a connection of its own, whose first fetch of a secret is under way until the gate is opened. */
async function askHeld(
  world: World,
  count: number,
): Promise<{ answers: Promise<number[]>; openGate(): void }> {
  const openGate = world.provider.hold()
  const answers: Promise<number>[] = []
  for (let at = 0; at < count; at += 1) {
    world.provider.values.set(`token-${at}`, 'CANARY-token-1')
    answers.push(world.get(`/v1/secrets/shared/token-${at}`).then(({ status }) => status))
  }
  const waiting = (at: number): number => world.refresher.explain(`shared/token-${at}`)?.callersWaiting ?? 0
  for (let at = 0; at < count; at += 1) while (waiting(at) === 0) await settle()
  return { answers: Promise.all(answers), openGate }
}

t.test(
  'while as many are worked for as may be, another is answered 503, and a probe is answered',
  async (t) => {
    const world = await createWorld(t, { config: { maxConnections: 4 }, rules })
    const { answers, openGate } = await askHeld(world, 4)
    for (const path of ['/v1/secrets/db-password', '/v1/secrets/shared/token-9', '/v1/nothing']) {
      const { status, json, headers } = await world.get(path)
      t.equal(status, 503)
      t.equal(json().code, 'SIDEKEEP_TOO_MANY_CONNECTIONS')
      t.ok(headers['retry-after'])
      t.equal((await request(world.port, 'GET', '/livez')).status, 200)
    }
    openGate()
    t.strictSame(await answers, [200, 200, 200, 200], 'those that were there first')
    t.equal((await world.get('/v1/secrets/db-password')).status, 200)
  },
)

t.test('a request whose body comes when as many are worked for as may be is answered 503', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 2 }, rules })
  const late = await open(t, world.port)
  late.write(`${get.replace('GET /v1/secrets', 'POST /v1/refresh').slice(0, -2)}Content-Length: 2\r\n\r\n`)
  await world.get('/v1/secrets/db-password')
  const { answers, openGate } = await askHeld(world, 2)
  late.write('{}')
  t.match(String((await once(late, 'data'))[0]), /^HTTP\/1\.1 503 .*SIDEKEEP_TOO_MANY_CONNECTIONS/s)
  openGate()
  t.strictSame(await answers, [200, 200])
})

t.test('connections that idle between two requests keep nobody out', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 4 } })
  for (let count = 0; count < 100; count += 1) {
    const socket = await open(t, world.port)
    socket.write(get)
    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  }
  t.equal((await request(world.port, 'GET', '/livez')).status, 200)
})

t.test('closing waits for the answer that is under way', async (t) => {
  const world = await createWorld(t, { values: {}, rules: { 'shared/*': { key: '*' } } })
  world.provider.values.set('token', 'CANARY-token-1')
  const agent = new http.Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const openGate = world.provider.hold()
  const waiting = world.get('/v1/secrets/shared/token', { agent })
  while (world.provider.calls === 0) await settle()
  const closed = world.api.close()
  while (!world.api.exchange.connections.closing) await settle()
  openGate()
  const { status, headers, json } = await waiting
  t.equal(status, 200)
  t.equal(json().value, 'CANARY-token-1')
  t.equal(headers.connection, 'close', 'the caller learns that the connection ends')
  await closed
})

t.test('callers with kept-alive connections lose no request while the listener closes', async (t) => {
  const world = await createWorld(t)
  const agent = new http.Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  let closing = false
  let answered = 0
  let joined = 0
  const caller = async (): Promise<void> => {
    for (let first = true; ; first = false) {
      const { status, headers } = await world.get('/v1/secrets/db-password', { agent })
      t.equal(status, 200)
      answered += 1
      if (first) joined += 1
      if (headers.connection === 'close') return
      if (closing && !world.api.server.listening) return
    }
  }
  const callers = Array.from({ length: 50 }, caller)
  // A connection that is not accepted yet when the listener closes is lost, and nothing can be done about it.
  while (answered < 200 || joined < callers.length) await settle()
  closing = true
  await Promise.all([world.api.close(), ...callers])
  t.ok(answered >= 250)
})

t.test('connections that never spoke, and idle ones, do not hold up the close', async (t) => {
  const world = await createWorld(t)
  const silent = await open(t, world.port)
  const idle = await open(t, world.port)
  idle.write(get)
  await once(idle, 'data')
  const ends = [silent, idle].map((socket) => text(socket).catch(() => ''))
  const started = performance.now()
  await world.api.close()
  await Promise.all(ends)
  t.ok(performance.now() - started < 3_000, 'sooner than the keep-alive timeout')
})

for (const [what, half] of [
  ['head', 'GET /v1/secrets HTTP/1.1\r\nHost: local'],
  [
    'body',
    'POST /v1/refresh HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\nContent-Length: 9\r\n\r\n{',
  ],
  ['second request', `${get}GET /v1/`],
] as const) {
  t.test(`a caller that stops in the middle of a ${what} does not hold up the close`, async (t) => {
    const world = await createWorld(t)
    const socket = await open(t, world.port)
    const ended = text(socket).catch(() => '')
    socket.write(half)
    await world.get('/v1/secrets/db-password')
    const started = performance.now()
    await world.api.close()
    await ended
    t.ok(performance.now() - started < 3_000, 'long before the shutdown timeout')
  })
}

t.test('a request of which the first part came before the listener closed may be completed', async (t) => {
  const world = await createWorld(t)
  const caller = await open(t, world.port)
  const idle = await open(t, world.port)
  for (const socket of [caller, idle]) {
    socket.write(get)
    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 .*CANARY-db-password-1/s)
  }
  const left = once(idle, 'close')
  const closed = world.api.close()
  while (!world.api.exchange.connections.closing) await settle()
  caller.write(get.slice(0, 20))
  await left
  const answer = text(caller)
  caller.write(get.slice(20))
  t.match(await answer, /^HTTP\/1\.1 200 .*connection: close.*CANARY-db-password-1/is)
  await closed
})

t.test('a listener that never opened closes at once', async (t) => {
  const world = await createWorld(t)
  const { createOps } = await import('../../src/api/server.ts')
  const app = createOps({
    health: { livez: [], startupz: [], readyz: [] },
    metrics: world.metrics,
    log: { error() {}, warn() {}, debug() {} },
    clock: world.clock,
    config: { maxConnections: 1 },
  })
  await app.close()
  t.notOk(app.server.listening)
})
