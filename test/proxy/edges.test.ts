import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { upstreamFailures } from '../../src/proxy/observer.ts'
import { settle } from '../support/virtual-clock.ts'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange, RawClient } from './support/raw-client.ts'
import { socketPath } from './support/socket-path.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

t.test('a head that arrives too slowly is answered 408', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, observed } = await startProxy(t, { upstream: origin })
  const connected = once(proxy.app.server, 'connection')
  const client = await connectTo(t, port)
  const [socket] = (await connected) as [Socket]
  client.send('GET / HTTP/1.1\r\nHo')
  while (socket.bytesRead === 0) await settle()
  // What Node does after 15 s, which a test need not wait for.
  const error = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  proxy.app.server.emit('clientError', error, socket)
  const answer = await client.response()
  t.equal(answer.status, 408)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_REQUEST_INCOMPLETE')
  t.equal(await client.ended, 'end')
  t.match(observed.answers, [{ status: 408 }])
})

t.test('a connection on which nothing was said is closed without a word', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, observed } = await startProxy(t, { upstream: origin })
  const connected = new Promise((resolve) => proxy.app.server.once('connection', resolve))
  const client = await connectTo(t, port)
  const error = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  proxy.app.server.emit('clientError', error, await connected)
  await client.ended
  t.equal(client.pending, '', 'a load balancer would take it for the answer to its first request')
  t.same(observed.answers, [])
})

t.test('a head of an answer may be longer than that of a request', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(40_000)}\r\nContent-Length: 2\r\n\r\nok`),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const answer = await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal(answer.header('x-long')?.length, 40_000)
})

t.test(
  'what is broken after a body that nobody wanted ends the connection, without a second answer',
  async (t) => {
    const upstream = await startRawUpstream(t, (socket) =>
      socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'),
    )
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n')
    t.match(await client.response(), { status: 413, body: 'big' })
    client.send('broken\r\n')
    await client.ended
    t.equal(client.pending, '')
  },
)

t.test('a broken chunk after the answer has begun cuts the answer', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  )
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n')
  await client.until('half\r\n')
  client.send('broken\r\n')
  t.equal(await client.ended, 'reset')
  t.notMatch(client.pending, /0\r\n\r\n/)
  t.same(observed.failures, [])
})

t.test('a client may hang up in the middle of a head', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('GET / HT')
  client.socket.end()
  await client.ended
  t.equal(client.pending, '', 'nobody is there for an answer')
  t.same(observed.answers, [])
})

t.test('the proxy may listen on a Unix socket, where nobody has an address', async (t) => {
  const { origin } = await startEcho(t)
  const { path } = await startProxy(
    t,
    { upstream: origin, trustedProxies: ['0.0.0.0/0', '::/0'] },
    socketPath(t),
  )
  const client = new RawClient(connect(path))
  t.teardown(() => client.socket.destroy())
  client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n')
  const { headers } = JSON.parse((await client.response()).body)
  t.equal(headers['x-forwarded-for'], undefined)
  t.equal(headers['x-forwarded-host'], 'a')
})

t.test('an answer that breaks off on a Unix socket closes it', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  })
  const { path } = await startProxy(t, { upstream: upstream.origin }, socketPath(t))
  const client = new RawClient(connect(path))
  t.teardown(() => client.socket.destroy())
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('half')
  for (const socket of upstream.sockets) socket.destroy()
  await client.ended
  t.equal(client.pending, '')
})

t.test('CONNECT is for proxies of another kind: the connection is closed', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n')
  await client.ended
  t.equal(client.pending, '')
})

t.test('DELETE and HEAD and an empty POST keep their framing', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  for (const [request, length, body] of [
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', '0', ''],
    ['POST / HTTP/1.1\r\nHost: a\r\n\r\n', '0', ''],
    ['DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi', '2', 'hi'],
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', undefined, ''],
  ] as const) {
    const echo = JSON.parse((await exchange(t, port, request)).body)
    t.equal(echo.headers['content-length'], length)
    t.equal(echo.headers['transfer-encoding'], undefined)
    t.equal(echo.body, body)
  }
})

t.test('a control character in a header is the fault of the request', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed } = await startProxy(t, { upstream: origin })
  const answer = await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n')
  t.equal(answer.status, 400)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_BAD_REQUEST')
  t.same(observed.failures, [])
})

t.test('every reason for a failure is named once', async (t) => {
  t.equal(new Set(upstreamFailures).size, upstreamFailures.length)
})
