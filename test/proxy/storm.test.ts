/** What is left when many clients have behaved in every way there is. */
import { once } from 'node:events'
import type { Server } from 'node:net'
import t from 'tap'
import fc from '../support/property.ts'
import { settle } from '../support/virtual-clock.ts'
import { startProxy } from './support/proxy.ts'
import { connectTo, type RawClient } from './support/raw-client.ts'
import { startRawUpstream } from './support/upstream.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const ws = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

/** By the path that is asked for. */
const answers: Record<string, string> = {
  '/ok': ok,
  '/close': ok.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  '/half': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
  '/chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n',
  '/nonsense': 'nonsense\r\n\r\n',
  '/hint': `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`,
  '/ws': `${switching}hello`,
  '/silent': '',
}

const sent = fc.oneof(
  fc.constantFrom(...Object.keys(answers)).map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`),
  fc.constantFrom(...Object.keys(answers)).map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${ws}\r\nearly`),
  fc
    .constantFrom(...Object.keys(answers))
    .map((path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf`),
  fc
    .constantFrom(...Object.keys(answers))
    .map(
      (path) =>
        `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\nhi\r\n`,
    ),
  fc.constantFrom('BROKEN\r\n\r\n', 'GET /ok HTTP/1.1\r\nHost: a\r\n', 'GET /.. HTTP/1.1\r\nHost: a\r\n\r\n'),
)

const leave = fc.constantFrom<(client: RawClient) => void>(
  ({ socket }) => socket.end(),
  ({ socket }) => socket.destroy(),
  ({ socket }) => socket.resetAndDestroy(),
)

async function connections(server: Server): Promise<number> {
  return await new Promise((resolve) => {
    server.getConnections((_error, count) => resolve(count))
  })
}

t.test('after a storm nothing is in flight, nobody waits, and the connections are few', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) => {
    const path = /^\S+ (\S+)/.exec(head)?.[1] ?? ''
    socket.write(answers[path] ?? ok)
    if (path === '/close') socket.end()
  })
  const { port, observed, clock, proxy } = await startProxy(t, {
    upstream: upstream.origin,
    concurrency: { max: 8, queue: 8, queueTimeout: 1_000 },
    maxBody: 5,
    timeouts: { request: 10_000 },
  })
  const warnings: Error[] = []
  const warned = (warning: Error): number => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const behaviour = fc.record({
    all: fc.array(sent, { minLength: 1, maxLength: 3 }),
    leave,
    turns: fc.nat({ max: 6 }),
  })
  const property = fc.asyncProperty(fc.array(behaviour, { minLength: 1, maxLength: 12 }), async (storm) => {
    await Promise.all(
      storm.map(async ({ all, leave, turns }) => {
        const client = await connectTo(t, port)
        for (const bytes of all) {
          if (!client.socket.destroyed) client.send(bytes)
          for (let turn = 0; turn < turns; turn += 1) await settle()
        }
        leave(client)
        if (!client.socket.destroyed) await once(client.socket, 'close')
      }),
    )
    // A refusal is followed by a moment in which the rest of a body may still come.
    await clock.advance(2_000)
    while ((await connections(proxy.app.server)) > 0) await settle()
    // The last ones' own events come a turn later.
    await settle()
    const { inFlight, queueDepth } = observed.readGauges()
    if (inFlight !== 0 || queueDepth !== 0)
      throw new Error(`${inFlight} in flight, ${queueDepth} in the queue`)
    if (upstream.sockets.size > 16) throw new Error(`${upstream.sockets.size} connections to the application`)
  })
  await fc.assert(property, { numRuns: 60 })
  t.same(warnings, [])
  const last = await connectTo(t, port)
  last.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await last.response()).status, 200)
})

t.test('a connection that is used a hundred times gathers nothing', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => socket.write(ok))
  const { port, proxy, observed } = await startProxy(t, {
    upstream: upstream.origin,
    timeouts: { request: 10_000 },
  })
  const warnings: Error[] = []
  const warned = (warning: Error): number => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const accepted = once(proxy.app.server, 'connection')
  const client = await connectTo(t, port)
  const [socket] = await accepted
  const listeners = (): number[] => socket.eventNames().map((name: string) => socket.listenerCount(name))
  let first: number[] = []
  for (let at = 0; at < 100; at += 1) {
    client.send(
      at % 2 === 0
        ? 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
        : 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
    )
    if (at % 2 === 1) t.equal((await client.response()).status, 100)
    t.equal((await client.response()).status, 200)
    await observed.over(at + 1)
    if (at === 9) first = listeners()
  }
  t.same(listeners(), first)
  t.same(warnings, [])
  t.ok(upstream.sockets.size <= 2)
})
