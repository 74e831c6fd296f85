/** Connections of TLS: what is accepted and what requests come on are two sockets, and one connection. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { Connections, type ConnectionsOptions } from '../../src/api/connections.ts'
import { createAuthority } from '../support/certificates.ts'
import { exchange, get, openSocket } from './support/socket.ts'
import { createWorld } from './support/world.ts'

const authority = createAuthority()
const certificate = authority.issue()
/** With those that are open beside the one that may be worked for. */
const most = 65
const big = `CANARY-${'x'.repeat(16_000_000)}`

interface Scope {
  teardown(fn: () => unknown): void
}

async function listen(t: Scope, options: ConnectionsOptions = {}) {
  const server = createServer({ ...certificate, keepAliveTimeout: 60_000 }, ({ url }, response) => {
    if (connections.closing) response.setHeader('Connection', 'close')
    if (connections.isBeyond(response.req.socket)) response.statusCode = 503
    else if (url === '/held') return
    response.end(url === '/big' ? big : 'answered')
  })
  const connections = new Connections(server, 1, options)
  t.teardown(() => server.close().closeAllConnections())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted: Socket[] = []
  server.on('connection', (socket: Socket) => accepted.push(socket))
  return {
    server,
    port,
    connections,
    accepted,
    opened: () => accepted.filter((one) => !one.destroyed).length,
  }
}

async function openTls(t: Scope, port: number): Promise<Socket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

t.test(
  'a connection counts once, and of those that idle the one that does so for longest makes room',
  async (t) => {
    const { port, opened } = await listen(t)
    const callers: Socket[] = []
    for (let count = 0; count < most; count += 1) {
      const caller = await openTls(t, port)
      t.match(await exchange(caller, get('/')), /^HTTP\/1\.1 200 /)
      callers.push(caller)
    }
    t.equal(opened(), most)
    const [longest, ...others] = callers
    if (longest === undefined) throw new Error('no callers')
    const gone = once(longest, 'close')
    t.match(await exchange(await openTls(t, port), get('/')), /^HTTP\/1\.1 200 /)
    await gone
    t.equal(opened(), most)
    for (const caller of others) t.match(await exchange(caller, get('/')), /^HTTP\/1\.1 200 /)
  },
)

t.test('however many never begin their handshake, others are answered', async (t) => {
  const { port, opened } = await listen(t)
  for (let count = 0; count < 3 * most; count += 1) await openSocket(t, port)
  for (let count = 0; count < 5; count += 1) {
    const caller = await openTls(t, port)
    t.match(await exchange(caller, get('/')), /^HTTP\/1\.1 200 /)
  }
  t.ok(opened() <= most)
})

t.test('a handshake that takes too long ends, and so does one that is none', async (t) => {
  const world = await createWorld(t, { deps: { tls: { ...certificate, handshakeTimeout: 100 } } })
  for (const said of ['', get('/livez')]) {
    const socket = await openSocket(t, world.port)
    socket.write(said)
    await text(socket.resume()).catch(() => '')
  }
  t.match(await exchange(await openTls(t, world.port), get('/livez')), /^HTTP\/1\.1 200 /)
})

t.test('who is worked for gives way to nobody, and keeps others out', async (t) => {
  const { port, server } = await listen(t)
  const held = await openTls(t, port)
  const asked = once(server, 'request')
  held.write(get('/held'))
  const [, response] = await asked
  for (let count = 0; count < 3 * most; count += 1) await openSocket(t, port)
  t.match(await exchange(await openTls(t, port), get('/')), /^HTTP\/1\.1 503 /)
  response.end('at last')
  t.match(String((await once(held, 'data'))[0]), /at last$/)
  t.match(await exchange(await openTls(t, port), get('/')), /^HTTP\/1\.1 200 /)
})

t.test('an answer that nobody reads is given up', async (t) => {
  const { port, server } = await listen(t, { longestStall: 100 })
  const served = once(server, 'secureConnection')
  const caller = await openTls(t, port)
  caller.pause()
  caller.write(get('/big'))
  const [socket]: Socket[] = await served
  if (socket === undefined) throw new Error('no connection')
  await once(socket, 'close')
  t.equal(await exchange(await openTls(t, port), get('/')).then((text) => text.slice(0, 12)), 'HTTP/1.1 200')
})

t.test('the close waits for what is under way, and for nobody who says nothing', async (t) => {
  const { port, server, connections } = await listen(t)
  const held = await openTls(t, port)
  const asked = once(server, 'request')
  held.write(get('/held'))
  const [, response] = await asked
  await openSocket(t, port)
  await openTls(t, port)
  const started = performance.now()
  await connections.close()
  const closed = once(server, 'close')
  server.close()
  response.end('at last')
  t.match(String((await once(held, 'data'))[0]), /at last$/)
  await closed
  t.ok(performance.now() - started < 3_000)
})
