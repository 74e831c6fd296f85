/** Connections on which no request arrives, as many as there may be. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const maxConnections = 8
/** With those that are open beside them, 64 at the least. */
const most = 72
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
  const cuts = 'sidekeep_connections_cut_total'
  const { text } = await world.get('/metrics')
  // The scrape itself needed no room: the probe's place is free again.
  t.match(text, `${cuts}{reason="room"} 1\n`)
  t.match(text, `${cuts}{reason="slow_reader"} 0\n`, 'what has not happened yet is shown as 0')
  for (const socket of others) socket.destroy()
  await world.api.close()
  t.match((await world.metrics.render()).body, `${cuts}{reason="room"} 1\n`, 'a close cuts nobody')
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

t.test('where every connection has been used, the one that idles for longest makes room', async (t) => {
  const world = await createWorld(t, { config: { maxConnections } })
  const callers: Socket[] = []
  for (let count = 0; count < most; count += 1) {
    const caller = await open(t, world.port)
    t.match(await exchange(caller), /^HTTP\/1\.1 200 /)
    callers.push(caller)
  }
  const [first, longest, ...others] = callers
  if (first === undefined || longest === undefined) throw new Error('no callers')
  t.match(await exchange(first), /^HTTP\/1\.1 200 /, 'the oldest is not the one that idles for longest now')
  const gone = once(longest, 'close')
  t.equal((await request(world.port, 'GET', '/livez')).status, 200)
  await gone
  for (const caller of [first, ...others]) t.match(await exchange(caller), /^HTTP\/1\.1 200 /)
})

t.test('silent connections leave those that idle their part of the room, and take theirs', async (t) => {
  const world = await createWorld(t, { config: { maxConnections } })
  const callers: Socket[] = []
  for (let count = 0; count < most; count += 1) {
    const caller = await open(t, world.port)
    await exchange(caller)
    callers.push(caller)
  }
  await silence(t, world, 3 * most)
  await settle()
  t.equal(callers.filter((caller) => !caller.closed).length, most / 2)
})
