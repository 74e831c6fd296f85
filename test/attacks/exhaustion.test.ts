/**
 * The attack: exhaustion. A caller opens event streams and waits for changes, as many as it can, and keeps them: to have
 * all others of its listener, or those of another one, be turned away.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import { request } from '../api/support/client.ts'
import type { World } from '../api/support/world.ts'
import { createWorld } from '../api/support/world.ts'
import { requestText } from '../support/raw-http.ts'
import { settle } from '../support/virtual-clock.ts'

const path = '/v1/secrets/db-password'
const most = { maxConnections: 40, maxEventStreams: 8, maxWaiters: 12 }

async function worldWithCallers(t: Test) {
  const { callers } = await callersRig(
    t,
    accessConfig({ greedy: { tokens: [tokenOf('greedy')] }, web: { tokens: [tokenOf('web')] } }),
  )
  const world = await createWorld(t, { config: most, deps: { access: callers } })
  return { world, callers }
}

/** Sends a request on a connection of its own that is kept open, and gives the first that comes back. */
async function keep(
  t: Test,
  { port }: World,
  text: string,
): Promise<{ socket: Socket; first: Promise<string> }> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  const first = once(socket, 'data').then(([chunk]) => String(chunk))
  socket.write(text)
  return { socket, first }
}

const asked = (target: string, who: string, ...more: string[]): string =>
  requestText([`GET ${target} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${tokenOf(who)}`, ...more])

/** One caller has taken all streams and waits that there are. */
async function exhausted(t: Test): Promise<{ world: World; sockets: Socket[] }> {
  const { world } = await worldWithCallers(t)
  const sockets: Socket[] = []
  for (let count = 0; count < most.maxEventStreams; count += 1) {
    const { socket, first } = await keep(t, world, asked('/v1/events', 'greedy'))
    t.match(await first, /^HTTP\/1\.1 200 /)
    sockets.push(socket)
  }
  for (let count = 0; count < most.maxWaiters; count += 1) {
    const { socket } = await keep(t, world, asked(`${path}?wait=1m`, 'greedy', 'If-None-Match: *'))
    sockets.push(socket)
  }
  while (world.metrics.changes.waiting < most.maxWaiters) await settle()
  return { world, sockets }
}

function taken(socket: Socket | undefined): Socket {
  if (socket === undefined) throw new Error('nothing was taken')
  return socket
}

const as = (who: string) => ({ headers: { Authorization: `Bearer ${tokenOf(who)}` } })

t.test('however many streams and waits a caller holds, plain reads of all go on', async (t) => {
  const { world } = await exhausted(t)
  for (const who of ['web', 'greedy']) {
    const { status, text } = await request(world.port, 'GET', path, as(who))
    t.equal(status, 200, who)
    t.match(text, 'CANARY-db-password-1')
  }
  t.equal((await request(world.port, 'GET', '/livez')).status, 200, 'and so do the probes')
})

t.test('what is beyond the bounds is told so at once, and not kept waiting', async (t) => {
  const { world } = await exhausted(t)
  const stream = await request(world.port, 'GET', '/v1/events', as('greedy'))
  t.equal(stream.status, 503)
  t.equal(stream.json().code, 'SIDEKEEP_TOO_MANY_EVENT_STREAMS')
  const wait = await request(world.port, 'GET', `${path}?wait=1m`, {
    headers: { ...as('greedy').headers, 'If-None-Match': '*' },
  })
  t.equal(wait.status, 503)
  t.equal(wait.json().code, 'SIDEKEEP_TOO_MANY_WAITERS')
  t.ok(Number(wait.headers['retry-after']) > 0)
})

t.test('whoever holds all of them gives some to another caller that wants one', async (t) => {
  const { world, sockets } = await exhausted(t)
  const ended = once(taken(sockets[0]).resume(), 'close')
  const stream = await keep(t, world, asked('/v1/events', 'web'))
  t.match(await stream.first, /^HTTP\/1\.1 200 /)
  await ended
  const [firstWait] = sockets.slice(most.maxEventStreams)
  const refused = once(taken(firstWait), 'data')
  await keep(t, world, asked(`${path}?wait=1m`, 'web', 'If-None-Match: *'))
  t.match(String(await refused), /^HTTP\/1\.1 503 .*SIDEKEEP_TOO_MANY_WAITERS/s)
  t.equal(world.metrics.changes.waiting, most.maxWaiters)
})

t.test('what one listener has given away, another one still has', async (t) => {
  const { world } = await exhausted(t)
  const other = await createWorld(t, { config: most })
  t.equal(world.metrics.changes.streams, most.maxEventStreams)
  const header = ['Host: localhost', 'X-Sidekeep-Request: true']
  const { first } = await keep(t, other, requestText(['GET /v1/events HTTP/1.1', ...header]))
  t.match(await first, /^HTTP\/1\.1 200 /)
})

t.test('they are free again as soon as their caller leaves, in order or not', async (t) => {
  const { world, sockets } = await exhausted(t)
  for (const [at, socket] of sockets.entries()) {
    if (at % 2 === 0) socket.resetAndDestroy()
    else socket.destroy()
  }
  while (world.metrics.changes.streams + world.metrics.changes.waiting > 0) await settle()
  const { first } = await keep(t, world, asked('/v1/events', 'web'))
  t.match(await first, /^HTTP\/1\.1 200 /)
})

t.test('a caller whose token is taken away loses all of them', async (t) => {
  const { world, callers } = await worldWithCallers(t)
  const { first, socket } = await keep(t, world, asked('/v1/events', 'greedy'))
  t.match(await first, /^HTTP\/1\.1 200 /)
  const waiting = await keep(t, world, asked(`${path}?wait=1m`, 'greedy', 'If-None-Match: *'))
  while (world.metrics.changes.waiting < 1) await settle()
  const ended = once(socket.resume(), 'close')
  const prepared = await callers.prepare(accessConfig({ web: { tokens: [tokenOf('web')] } }))
  prepared.commit()
  await ended
  t.match(await waiting.first, /^HTTP\/1\.1 40[13] /)
  t.equal((await request(world.port, 'GET', path, as('web'))).status, 200)
})
