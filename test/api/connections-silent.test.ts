/** Connections on which no request arrives, as many as there may be. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { raw, request } from './support/client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const maxConnections = 8
/** With the quarter that is taken on beyond the cap. */
const most = 10
const get = 'GET /v1/secrets/db-password HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n'

interface Scope {
  teardown(fn: () => unknown): void
}

async function open(t: Scope, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Connections, in order, that the listener has taken on and that send no more than the text given. */
async function silence(t: Scope, world: World, count: number, text = ''): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened += 1) {
    const accepted = once(world.api.server, 'connection')
    const socket = await open(t, world.port)
    if (text !== '') socket.write(text)
    await accepted
    sockets.push(socket.resume())
  }
  return sockets
}

/** One request on a connection that is kept. */
async function exchange(socket: Socket): Promise<string> {
  socket.write(get)
  return String((await once(socket, 'data'))[0])
}

for (const [what, text] of [
  ['never send a byte', ''],
  ['stop in the middle of a head', 'GET /v1/secrets HTTP/1.1\r\nHost: local'],
] as const) {
  t.test(`however many connections ${what}, every probe is answered at once`, async (t) => {
    const world = await createWorld(t, { config: { maxConnections } })
    await silence(t, world, most, text)
    for (let probe = 0; probe < 5; probe += 1) {
      const started = performance.now()
      t.equal((await request(world.port, 'GET', '/livez')).status, 200)
      t.ok(performance.now() - started < 1_000, 'long before a silent connection times out')
      // The probe's own connection is gone: another silent one takes its place.
      await silence(t, world, 1, text)
    }
  })
}

t.test('of the silent connections it is the oldest that makes room, and only one', async (t) => {
  const world = await createWorld(t, { config: { maxConnections } })
  const [oldest, ...others] = await silence(t, world, most)
  if (oldest === undefined) throw new Error('no connection')
  const gone = once(oldest, 'close')
  t.equal((await request(world.port, 'GET', '/livez')).status, 200)
  await gone
  await settle()
  t.strictSame(
    others.filter((socket) => socket.closed),
    [],
  )
})

t.test('callers that keep their connections keep them while silent ones come and go', async (t) => {
  const world = await createWorld(t, { config: { maxConnections } })
  const callers: Socket[] = []
  for (let count = 0; count < 4; count += 1) {
    const caller = await open(t, world.port)
    t.match(await exchange(caller), /^HTTP\/1\.1 200 .*CANARY-db-password-1/s)
    callers.push(caller)
  }
  await silence(t, world, 3 * most)
  for (const caller of callers) t.match(await exchange(caller), /^HTTP\/1\.1 200 .*CANARY-db-password-1/s)
})

t.test('where every connection has been used, it is the newest that is turned away', async (t) => {
  const world = await createWorld(t, { config: { maxConnections } })
  const callers: Socket[] = []
  for (let count = 0; count < most; count += 1) {
    const caller = await open(t, world.port)
    t.match(await exchange(caller), /^HTTP\/1\.1 (200|503) /)
    callers.push(caller)
  }
  t.equal(await raw(world.port, ['GET /livez HTTP/1.1', 'Host: localhost']).catch(() => ''), '')
  for (const caller of callers.slice(0, maxConnections)) t.match(await exchange(caller), /^HTTP\/1\.1 200 /)
})
