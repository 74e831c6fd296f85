/** Callers that are still being sent a value when it rotates, goes, or is overwritten for good. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

/** More than the system takes off the process's hands for a caller that does not read, in bytes. */
const size = 16 * 1024 * 1024
const big = (version: number): string => `CANARY-${version}-`.padEnd(size, String(version))
const isWiped = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

const get = (name: string, query = '?format=raw'): string =>
  `GET /v1/secrets/${name}${query} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n`

/** A caller that has asked, and reads nothing until it is told to. */
async function ask(t: { teardown(fn: () => unknown): void }, port: number, request: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  await once(socket, 'connect')
  socket.write(request)
  await once(socket, 'readable')
  return socket
}

/** The bodies of `count` answers, by their Content-Length. */
async function bodies(socket: Socket, count: number): Promise<string[]> {
  const found: string[] = []
  let chunks: Buffer[] = []
  let [received, needed] = [0, 1]
  for await (const chunk of socket) {
    chunks.push(chunk)
    received += chunk.length
    // Put together only when a whole answer may be there: a chunk is a small part of one.
    while (received >= needed) {
      const all = Buffer.concat(chunks)
      chunks = [all]
      const end = all.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(all.toString('latin1', 0, Math.max(end, 0)))?.[1])
      needed = end < 0 ? received + 1 : end + 4 + length
      if (end < 0 || received < needed) break
      found.push(all.toString('latin1', end + 4, needed))
      if (found.length === count) return found
      chunks = [all.subarray(needed)]
      received -= needed
      needed = 1
    }
  }
  throw new Error(`the connection ended after ${found.length} answers`)
}

/** Fetches a secret, late enough after the last time. */
async function fetchNow({ clock, refresher }: World, name: string): Promise<void> {
  await clock.advance(2_000)
  await refresher.refresh(name)
}

async function start(t: Parameters<typeof createWorld>[0]) {
  const world = await createWorld(t, { values: { big: big(1) } })
  const held = (): Buffer => {
    const reading = world.cache.read('big')
    if (reading.kind !== 'held') throw new Error(reading.kind)
    return reading.secret.reveal()
  }
  const rotate = async (version: number): Promise<void> => {
    world.provider.values.set('big', big(version))
    await fetchNow(world, 'big')
    await turn()
    await turn()
  }
  return { world, held, rotate }
}

for (const query of ['?format=raw', '?format=json']) {
  t.test(`a slow reader gets the old version whole although it rotates meanwhile (${query})`, async (t) => {
    const { world, held, rotate } = await start(t)
    const old = held()
    const socket = await ask(t, world.port, get('big', query))
    await rotate(2)
    t.notOk(isWiped(old), 'it waits for the reader')
    const [body = ''] = await bodies(socket, 1)
    t.equal(query === '?format=json' ? JSON.parse(body).value : body, big(1))
    while (!isWiped(old)) await turn()
    t.pass('and is overwritten once it is read')
    t.equal(held().toString(), big(2))
  })
}

t.test('two readers of two versions each get their own', async (t) => {
  const { world, held, rotate } = await start(t)
  const first = held()
  const slow = await ask(t, world.port, get('big'))
  await rotate(2)
  const second = held()
  const next = await ask(t, world.port, get('big'))
  await rotate(3)
  t.ok((await bodies(next, 1))[0] === big(2))
  while (!isWiped(second)) await turn()
  t.notOk(isWiped(first))
  t.ok((await bodies(slow, 1))[0] === big(1))
  while (!isWiped(first)) await turn()
  t.ok(held().toString() === big(3))
})

t.test('an answer that waits behind another on its connection is whole too', async (t) => {
  const { world, held, rotate } = await start(t)
  const old = held()
  const socket = await ask(t, world.port, get('big') + get('big'))
  await rotate(2)
  const [one, two] = await bodies(socket, 2)
  t.ok(one === big(1))
  t.ok(two === big(1) || two === big(2), 'either version, and no zeroes')
  while (!isWiped(old)) await turn()
})

t.test('a reader that leaves in the middle of its answer keeps nothing from being overwritten', async (t) => {
  const { world, held, rotate } = await start(t)
  const old = held()
  const socket = await ask(t, world.port, get('big') + get('big'))
  await rotate(2)
  t.notOk(isWiped(old))
  socket.destroy()
  while (!isWiped(old)) await turn()
  t.ok(held().toString() === big(2))
})

t.test('a slow reader gets its answer whole although the secret is deleted meanwhile', async (t) => {
  const { world, held } = await start(t)
  const old = held()
  const socket = await ask(t, world.port, get('big'))
  world.provider.values.delete('big')
  await fetchNow(world, 'big')
  await turn()
  t.equal((await world.get('/v1/secrets/big')).status, 404)
  t.ok((await bodies(socket, 1))[0] === big(1))
  while (!isWiped(old)) await turn()
})

t.test(
  'an answer that the system takes at once keeps nothing: the old version is overwritten with the rotation',
  async (t) => {
    const world = await createWorld(t)
    const reading = world.cache.read('db-password')
    if (reading.kind !== 'held') throw new Error(reading.kind)
    const bytes = reading.secret.reveal()
    for (const path of ['', '?format=raw', '?format=json']) {
      t.equal((await world.get(`/v1/secrets/db-password${path}`)).status, 200)
    }
    world.provider.values.set('db-password', 'CANARY-db-password-2')
    await fetchNow(world, 'db-password')
    await turn()
    t.ok(isWiped(bytes))
  },
)
