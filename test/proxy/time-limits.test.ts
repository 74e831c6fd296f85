/** `timeouts.request`, slow clients and silent ones. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { configOf, startProxy } from './support/proxy.ts'
import { connectTo } from './support/raw-client.ts'
import { standsStill } from './support/stands-still.ts'
import { startRawUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

t.test('a request that waits too long for its answer is 504, and the application told no more', async (t) => {
  const asked = Promise.withResolvers<Socket>()
  const upstream = await startRawUpstream(t, asked.resolve)
  const { port, clock, observed } = await startProxy(t, {
    upstream: upstream.origin,
    timeouts: { request: 5_000 },
  })
  const client = await connectTo(t, port)
  client.send(get)
  const application = await asked.promise
  const closed = once(application, 'close')
  await clock.advance(4_999)
  t.equal(client.pending, '')
  await clock.advance(1)
  const answer = await client.response()
  t.equal(answer.status, 504)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_UPSTREAM_TIMEOUT')
  await closed
  t.same(observed.failures, ['request_timeout'])
  t.match(observed.answers, [{ status: 504, durationMs: 5_000 }])
})

t.test('the time in the queue counts too', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const concurrency = { max: 1, queue: 8, queueTimeout: 60_000 }
  const { port, clock, observed, proxy } = await startProxy(t, { upstream: upstream.origin, concurrency })
  const first = await connectTo(t, port)
  first.send(get)
  while (upstream.received === '') await settle()
  const next = await proxy.prepare(
    configOf({ upstream: upstream.origin, concurrency, timeouts: { request: 5_000 } }),
  )
  next.commit()
  const queued = await connectTo(t, port)
  queued.send('GET /queued HTTP/1.1\r\nHost: a\r\n\r\n')
  while (observed.readGauges().queueDepth === 0) await settle()
  await clock.advance(5_000)
  const answer = await queued.response()
  t.equal(answer.status, 504)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_UPSTREAM_TIMEOUT')
  first.socket.destroy()
  await observed.over(2)
  await settle()
  t.notMatch(upstream.received, '/queued')
  t.same(observed.readGauges(), { inFlight: 0, queueDepth: 0, limitKeys: [] })
})

t.test('a client may wait in the queue for longer than the application may be silent', async (t) => {
  const { origin } = await startRawUpstream(t, () => {})
  const { proxy } = await startProxy(t, {
    upstream: origin,
    timeouts: { connect: 1_000, headers: 2_000, idle: 3_000 },
    concurrency: { max: 1, queue: 8, queueTimeout: 300_000 },
  })
  t.equal(proxy.app.server.timeout, 309_000)
})

t.test('an answer that takes too long is cut', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  )
  const { port, clock, observed } = await startProxy(t, {
    upstream: upstream.origin,
    timeouts: { request: 5_000 },
  })
  const client = await connectTo(t, port)
  client.send(get)
  await client.until('half\r\n')
  await clock.advance(5_000)
  t.equal(await client.ended, 'reset')
  t.equal(client.pending, '')
  t.match(observed.answers, [{ status: 200 }])
  t.same(observed.failures, ['request_timeout'])
})

t.test('an answer in time leaves no timer', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  )
  const { port, clock, observed } = await startProxy(t, {
    upstream: upstream.origin,
    timeouts: { request: 5_000 },
  })
  const client = await connectTo(t, port)
  client.send(get)
  t.equal((await client.response()).status, 200)
  await clock.advance(5_000)
  client.send(get)
  t.equal((await client.response()).status, 200)
  t.same(observed.failures, [])
  await observed.over(2)
  t.equal(clock.pending, 0)
})

t.test('a WebSocket may last longer', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
  )
  const { port, clock } = await startProxy(t, { upstream: upstream.origin, timeouts: { request: 5_000 } })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.equal((await client.response()).status, 101)
  await clock.advance(60_000)
  for (const socket of upstream.sockets) socket.write('still here')
  await client.until('still here')
})

t.test('a body that stops coming is 408, and the request to the application ends', async (t) => {
  const asked = Promise.withResolvers<Socket>()
  const upstream = await startRawUpstream(t, asked.resolve)
  const { port, proxy, observed } = await startProxy(t, { upstream: upstream.origin })
  const accepted = once(proxy.app.server, 'connection')
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf')
  const application = await asked.promise
  const closed = once(application, 'close')
  const [socket] = await accepted
  // What Node says when nothing has moved for as long as the server's timeout.
  socket.emit('timeout')
  const answer = await client.response()
  t.equal(answer.status, 408)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_REQUEST_INCOMPLETE')
  await closed
  t.same(observed.failures, [], 'it was not the application that failed')
  t.match(observed.answers, [{ status: 408 }])
})

t.test('an application that neither takes the body nor answers is 504, not 408', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, proxy, observed } = await startProxy(t, { upstream: upstream.origin })
  const accepted = once(proxy.app.server, 'connection')
  const client = await connectTo(t, port)
  // More than the systems between the two keep.
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n${'x'.repeat(40_000_000)}`)
  while (upstream.sockets.size === 0) await settle()
  for (const socket of upstream.sockets) socket.pause()
  const [socket] = await accepted
  await standsStill(() => observed.bytesReceived)
  socket.emit('timeout')
  t.equal((await client.response()).status, 504)
  t.same(observed.failures, ['headers_timeout'])
})

t.test('a client that does not read its answer for too long is disconnected', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n${'x'.repeat(100_000)}`)
  })
  const { port, proxy } = await startProxy(t, { upstream: upstream.origin })
  const accepted = once(proxy.app.server, 'connection')
  const client = await connectTo(t, port)
  client.send(get)
  await client.until('xxx')
  const [socket] = await accepted
  const closed = once([...upstream.sockets][0] ?? client.socket, 'close')
  socket.emit('timeout')
  await client.ended
  await closed
  t.equal(upstream.sockets.size, 0)
})

t.test('a client that sends its head byte by byte is answered', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.socket.setNoDelay(true)
  for (const byte of get) {
    client.send(byte)
    await settle()
  }
  t.match(await client.response(), { status: 200, body: 'ok' })
})

t.test('an upload that takes longer than timeouts.request is 408: it was not the application', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, clock, observed } = await startProxy(t, {
    upstream: upstream.origin,
    timeouts: { request: 5_000 },
  })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ')
  while (!upstream.received.endsWith('half ')) await settle()
  await clock.advance(5_000)
  const answer = await client.response()
  t.equal(answer.status, 408)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_REQUEST_INCOMPLETE')
  t.same(observed.failures, [])
})
