/** Callers that ask and do not read, while the listener is open. */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setInterval, setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Connections, type ConnectionsOptions } from '../../src/api/connections.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { get, openSocket } from './support/socket.ts'
import { createWorld } from './support/world.ts'

/** More than the system takes off the process's hands for a caller that does not read. */
const mebibyte = 1_048_576
const size = 16 * mebibyte
const big = `CANARY-${'x'.repeat(size - 7)}`

interface Scope {
  teardown(fn: () => unknown): void
}

interface Listener {
  readonly server: Server
  readonly port: number
}

/** A listener that answers each request as `handle` does, and knows nothing else. */
async function listen(
  t: Scope,
  options: ConnectionsOptions,
  handle: (response: ServerResponse, path: string) => void = (response) => response.end(big),
): Promise<Listener> {
  const server = createServer((request, response) => handle(response, request.url ?? ''))
  new Connections(server, 10, options)
  t.teardown(() => server.close().closeAllConnections())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** A caller that has asked, and of whose answer some has arrived: nothing is read. */
async function ask(t: Scope, { port }: { readonly port: number }, requests = get('/')): Promise<Socket> {
  const socket = await openSocket(t, port)
  socket.pause()
  socket.write(requests)
  await once(socket, 'readable')
  return socket
}

/** How the connection of one who reads at last has ended. */
async function outcome(socket: Socket): Promise<string> {
  const ended = Promise.withResolvers<string>()
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received > size) ended.resolve('the whole')
  })
  socket.on('error', (error: Error & { code?: string }) => ended.resolve(error.code ?? 'error'))
  socket.on('close', () => ended.resolve('closed'))
  return await ended.promise
}

t.test('an answer of which nothing is taken for long enough is given up, with a reset', async (t) => {
  const cuts: string[] = []
  const listener = await listen(t, { longestStall: 100, wasCut: (reason) => cuts.push(reason) })
  const cut = once(listener.server, 'connection').then(([socket]) => once(socket, 'close'))
  const socket = await ask(t, listener)
  await cut
  t.equal(await outcome(socket), 'ECONNRESET', 'so that the system does not go on offering the rest')
  t.strictSame(cuts, ['slow_reader'])
})

t.test('one who takes something now and then may go on', async (t) => {
  const longestStall = 400
  const listener = await listen(t, { longestStall })
  const accepted = once(listener.server, 'connection')
  const socket = await ask(t, listener)
  const [served]: Socket[] = await accepted
  const started = performance.now()
  let received = 0
  // Reads a part, and takes its time between two: in all much longer than a stall may last, and never that long at once.
  for await (const _ of setInterval(8)) {
    received += socket.read()?.length ?? 0
    if (received > size || served?.destroyed === true) break
  }
  t.ok(received > size)
  t.ok(performance.now() - started > 2 * longestStall)
})

t.test('an answer that is read too slowly is given up, however steadily that goes', async (t) => {
  const clock = new VirtualClock()
  const cuts: string[] = []
  const listener = await listen(t, { clock, wasCut: (reason) => cuts.push(reason) })
  const cut = once(listener.server, 'connection').then(([socket]) => once(socket, 'close'))
  const socket = await ask(t, listener)
  await clock.advance(59_999)
  socket.read()
  t.notOk(socket.destroyed)
  await clock.advance(1)
  await cut
  t.equal(await outcome(socket), 'ECONNRESET')
  t.equal(clock.pending, 0)
  t.strictSame(cuts, ['slow_reader'])
})

t.test('an answer that is read in time leaves nothing behind, and the connection serves on', async (t) => {
  const clock = new VirtualClock()
  const listener = await listen(t, { clock, longestStall: 3_600_000 }, (response, path) =>
    response.end(path === '/small' ? 'small' : big),
  )
  const socket = await ask(t, listener)
  t.equal(clock.pending, 1)
  t.equal(await outcome(socket), 'the whole')
  while (clock.pending > 0) await turn()
  socket.removeAllListeners('data')
  await clock.advance(60_000)
  socket.write(get('/small'))
  t.match(String((await once(socket, 'data'))[0]), /small$/)
})

t.test('who waits for an answer, or is sent one in pieces, is not one who does not read', async (t) => {
  const clock = new VirtualClock()
  const held: ServerResponse[] = []
  const listener = await listen(t, { clock, longestStall: 50 }, (response, path) => {
    held.push(response)
    if (path === '/stream') response.write(': connected\n\n')
  })
  const [waiting, stream] = [await openSocket(t, listener.port), await openSocket(t, listener.port)]
  waiting.write(get('/waits'))
  stream.write(get('/stream'))
  await once(stream, 'data')
  t.equal(clock.pending, 0)
  await clock.advance(120_000)
  for (const response of held) response.end('done')
  t.match(String((await once(waiting, 'data'))[0]), /done$/)
})

t.test('where much waits in memory to be read, those make room who are slow', async (t) => {
  const clock = new VirtualClock()
  const cuts: string[] = []
  // Five of them are more than may wait.
  const listener = await listen(t, { clock, wasCut: (reason) => cuts.push(reason) })
  const served: Socket[] = []
  listener.server.on('connection', (socket) => served.push(socket))
  for (let count = 0; count < 4; count += 1) await ask(t, listener)
  await ask(t, listener)
  t.strictSame(
    served.map((socket) => socket.destroyed),
    [false, false, false, false, false],
    'nobody is slow yet',
  )
  await clock.advance(1_000)
  await ask(t, listener)
  const destroyed = served.map((socket) => socket.destroyed)
  t.equal(destroyed[0], true, 'who has not read for longest')
  t.equal(destroyed[5], false, 'not who has only just asked')
  t.equal(cuts.length, destroyed.filter((isDestroyed) => isDestroyed).length, 'each counts once')
})

t.test(
  'a time-out of what is half sent behind an answer that nobody reads ends the connection',
  async (t) => {
    const world = await createWorld(t, { values: { big } })
    world.api.server.requestTimeout = 200
    world.api.server.headersTimeout = 200
    const cut = once(world.api.server, 'connection').then(([socket]) => once(socket, 'close'))
    await ask(t, world, `${get('/v1/secrets/big?format=raw')}GET /v1/`)
    await cut
    t.pass('rather than to wait until what it is told has been sent')
  },
)
