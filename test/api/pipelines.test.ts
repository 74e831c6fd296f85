/**
 * The attack: a caller that waits, or listens for events, and sends thousands of requests behind that one request. Each
 * would be answered at once, and the answers kept until the first is given.
 */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { mostBehind } from '../../src/pipelines.ts'
import { settle } from '../support/virtual-clock.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'
const request = (target: string, ...headers: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: localhost', 'X-Sidekeep-Request: true', ...headers, '\r\n'].join('\r\n')
const get = request(`${path}?format=raw`)

async function open(t: { teardown(fn: () => unknown): void }, { port }: Pick<World, 'port'>) {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Resolves when a connection has ended, in order or not. */
function ended(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  socket.resume()
  return promise
}

/** All that comes on a connection, as it comes. */
function hear(socket: Socket): { readonly text: string; has(count: number): Promise<void> } {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return {
    get text() {
      return text
    },
    async has(count) {
      while (text.split('HTTP/1.1 ').length <= count) await settle()
    },
  }
}

async function tagOf(world: World): Promise<string> {
  return (await world.get(`${path}?format=raw`)).headers.etag ?? ''
}

const waitFor = (tag: string): string => request(`${path}?wait=1m&format=raw`, `If-None-Match: ${tag}`)

async function rotate(world: World, value: string): Promise<void> {
  world.provider.values.set('db-password', value)
  await world.clock.advance(2_000)
  await world.refresher.refresh('db-password')
}

/** How many requests of plain reads were counted, once all that is on its way has arrived. */
async function reads(world: World): Promise<number> {
  for (let turn = 0; turn < 20; turn += 1) await settle()
  const { text } = await world.get('/metrics')
  return Number(/sidekeep_cache_reads_total\{result="hit"\} (\d+)/.exec(text)?.[1] ?? 0)
}

t.test(
  'what is sent behind a request that waits is handled when that is answered, as things are then',
  async (t) => {
    const world = await createWorld(t)
    const tag = await tagOf(world)
    const socket = await open(t, world)
    const heard = hear(socket)
    const before = await reads(world)
    socket.write(waitFor(tag) + get + waitFor(tag))
    while (world.metrics.changes.waiting < 1) await settle()
    t.equal(await reads(world), before, 'nothing is read ahead of its turn')
    t.equal(world.metrics.changes.waiting, 1, 'nor does anything wait ahead of it')
    await rotate(world, 'CANARY-db-password-2')
    await heard.has(3)
    t.equal(heard.text.match(/HTTP\/1\.1 200 /g)?.length, 3)
    t.equal(heard.text.match(/CANARY-db-password-2/g)?.length, 3, 'each with the value of then')
  },
)

t.test(
  'a connection takes so many requests behind one that waits, answers them in order, and goes on',
  async (t) => {
    const world = await createWorld(t)
    const socket = await open(t, world)
    const heard = hear(socket)
    const missing = Array.from({ length: mostBehind }, (_, at) => request(`/v1/none-${at}`))
    socket.write(waitFor(await tagOf(world)) + missing.join(''))
    while (world.metrics.changes.waiting < 1) await settle()
    await rotate(world, 'CANARY-db-password-2')
    await heard.has(mostBehind + 1)
    const told = [...heard.text.matchAll(/\/v1\/none-(\d+)/g)].map(([, at]) => Number(at))
    t.strictSame(
      told,
      Array.from({ length: mostBehind }, (_, at) => at),
    )
    socket.write(get)
    await heard.has(mostBehind + 2)
    t.notOk(socket.destroyed)
  },
)

t.test('plain reads may be pipelined as deep, again and again', async (t) => {
  const world = await createWorld(t)
  const socket = await open(t, world)
  const heard = hear(socket)
  for (let round = 1; round <= 20; round += 1) {
    socket.write(get.repeat(mostBehind + 1))
    await heard.has(round * (mostBehind + 1))
  }
  t.equal(heard.text.match(/CANARY-db-password-1/g)?.length, 20 * (mostBehind + 1))
})

for (const [what, first] of [
  ['a request that waits', () => request(`${path}?wait=1m`, 'If-None-Match: *')],
  ['an event stream', () => request('/v1/events')],
] as const) {
  t.test(`more than that behind ${what} ends the connection, and nothing of it is handled`, async (t) => {
    const world = await createWorld(t)
    const { changes } = world.metrics
    const before = await reads(world)
    const socket = await open(t, world)
    const closed = ended(socket)
    socket.write(first() + get.repeat(mostBehind + 1))
    await closed
    while (changes.waiting + changes.streams > 0) await settle()
    t.equal(await reads(world), before)
    t.equal((await world.get(path)).status, 200)
  })
}

t.test(
  'many bytes behind a request that waits end the connection, however few requests they are',
  async (t) => {
    const world = await createWorld(t)
    const socket = await open(t, world)
    const closed = ended(socket)
    const large = request(path, `X-Padding: ${'x'.repeat(15_000)}`)
    socket.write(waitFor(await tagOf(world)) + large.repeat(mostBehind))
    await closed
    t.pass()
  },
)

t.test('a client that leaves its event stream is noticed, although it had sent more', async (t) => {
  const world = await createWorld(t)
  const socket = await open(t, world)
  socket.resume()
  socket.write(request('/v1/events') + get.repeat(mostBehind))
  while (world.metrics.changes.streams < 1) await settle()
  socket.destroy()
  while (world.metrics.changes.streams > 0) await settle()
  t.pass()
})

t.test('after an answer that ends its connection nothing else on it is handled', async (t) => {
  const world = await createWorld(t)
  const before = await reads(world)
  const socket = await open(t, world)
  const told = text(socket)
  socket.write(request('/v1/events').replace('GET', 'HEAD') + get.repeat(3))
  t.match(await told, /^HTTP\/1\.1 200 .*connection: close/is)
  t.equal((await told).match(/HTTP\/1\.1 /g)?.length, 1)
  t.equal(await reads(world), before)
})

t.test(
  'a stop answers who waits, and drops what was sent behind: its caller may send it again',
  async (t) => {
    const world = await createWorld(t)
    const socket = await open(t, world)
    socket.write(waitFor(await tagOf(world)) + get)
    while (world.metrics.changes.waiting < 1) await settle()
    const told = text(socket)
    await world.api.close()
    t.match(await told, /^HTTP\/1\.1 304 .*connection: close/is)
    t.equal((await told).match(/HTTP\/1\.1 /g)?.length, 1)
  },
)

t.test(
  'the order holds without Fastify too: what handles requests is called for one at a time',
  async (t) => {
    const { handleInTurn } = await import('../../src/pipelines.ts')
    const began: http.ServerResponse[] = []
    const last = new WeakMap<Socket, http.ServerResponse>()
    const server = http.createServer((request, response) => {
      began.push(response)
      last.set(request.socket, response)
    })
    handleInTurn(server, (socket) => last.get(socket))
    server.listen(0, '127.0.0.1')
    t.teardown(() => server.close().closeAllConnections())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = await open(t, { port })
    const heard = hear(socket)
    socket.write(get.repeat(3))
    for (let count = 1; count <= 3; count += 1) {
      while (began.length < count) await settle()
      await settle()
      t.equal(began.length, count)
      began.at(-1)?.end()
      await heard.has(count)
    }
  },
)
