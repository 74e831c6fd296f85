import http from 'node:http'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { createWorld } from './support/world.ts'

const pattern = { values: {}, rules: { 'shared/*': { key: '*' } } }

t.test('a pattern secret is fetched when it is first asked for, once for all who wait', async (t) => {
  const world = await createWorld(t, pattern)
  world.provider.values.set('token', 'CANARY-token-1')
  const open = world.provider.hold()
  const waiting = Array.from({ length: 20 }, () => world.get('/v1/secrets/shared/token'))
  while (world.provider.calls === 0) await settle()
  open()
  for (const { status, json } of await Promise.all(waiting)) {
    t.equal(status, 200)
    t.equal(json().value, 'CANARY-token-1')
  }
  t.equal(world.provider.calls, 1)
  await world.get('/v1/secrets/shared/token')
  t.equal(world.provider.calls, 1, 'from memory from then on')
})

t.test('a caller that leaves does not cancel the fetch of the others', async (t) => {
  const world = await createWorld(t, pattern)
  world.provider.values.set('token', 'CANARY-token-1')
  const open = world.provider.hold()
  const path = '/v1/secrets/shared/token'
  const { promise: left, resolve } = Promise.withResolvers<void>()
  world.api.server.once('connection', (socket) => socket.once('close', () => resolve()))
  const leaving = http.get({
    port: world.port,
    host: '127.0.0.1',
    path,
    headers: { 'X-Sidekeep-Request': 'true' },
  })
  leaving.on('error', () => {})
  while (world.provider.calls === 0) await settle()
  const staying = world.get(path)
  leaving.destroy()
  await left
  open()
  t.equal((await staying).json().value, 'CANARY-token-1')
  t.equal(world.provider.calls, 1)
  t.match((await world.get('/metrics')).text, 'route="/v1/secrets/{name}",method="GET",status="499"} 1')
})

t.test('the first fetch is waited for up to its deadline, then 503 SIDEKEEP_SECRET_NOT_LOADED', async (t) => {
  const world = await createWorld(t, { ...pattern, config: { demandTimeout: 700 } })
  world.provider.values.set('token', 'CANARY-token-1')
  const open = world.provider.hold()
  const waiting = world.get('/v1/secrets/shared/token')
  while (world.provider.calls === 0) await settle()
  await world.clock.advance(700)
  const { status, json, headers } = await waiting
  t.equal(status, 503)
  t.equal(json().code, 'SIDEKEEP_SECRET_NOT_LOADED')
  t.ok(headers['retry-after'])
  open()
  await settle()
  t.equal((await world.get('/v1/secrets/shared/token')).json().value, 'CANARY-token-1', 'the fetch went on')
})

t.test('a pattern secret that the provider does not have is 404', async (t) => {
  const world = await createWorld(t, pattern)
  const { status, json } = await world.get('/v1/secrets/shared/nope')
  t.equal(status, 404)
  t.equal(json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
})
