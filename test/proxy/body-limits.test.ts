/** `maxBody`: how much of a body passes. */
import { once } from 'node:events'
import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

const ten = '0123456789'

t.test('a body of exactly the maximum passes, by length and in chunks', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, maxBody: 10 })
  const byLength = await exchange(t, port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n${ten}`)
  t.equal(JSON.parse(byLength.body).body, ten)
  const inChunks = await exchange(
    t,
    port,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n',
  )
  t.equal(JSON.parse(inChunks.body).body, ten)
})

for (const method of ['POST', 'GET', 'DELETE']) {
  t.test(`a ${method} that declares more is 413 before anything reaches the application`, async (t) => {
    const upstream = await startRawUpstream(t, () => {})
    const { port, observed } = await startProxy(t, { upstream: upstream.origin, maxBody: 10 })
    const client = await connectTo(t, port)
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n${ten}`)
    const answer = await client.response()
    t.equal(answer.status, 413)
    t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_REQUEST_TOO_LARGE')
    t.equal(answer.header('content-type'), 'application/problem+json')
    t.ok(answer.header('x-request-id'))
    t.equal(upstream.sockets.size, 0)
    t.match(observed.answers, [{ status: 413 }])
    client.send('xGET / HTTP/1.1\r\nHost: a\r\n\r\n')
    while (upstream.received === '') await new Promise(setImmediate)
    t.match(upstream.received, /^GET \/ /, 'the rest of the body is read, and the next request with it')
  })
}

t.test('a client that waits for 100 is told 413 instead', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, maxBody: 10 })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n')
  const answer = await client.response()
  t.equal(answer.status, 413)
  t.equal(answer.header('connection'), 'close')
  await client.ended
})

t.test('chunks that turn out to be more are 413, and the application never sees the end', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, observed } = await startProxy(t, { upstream: upstream.origin, maxBody: 10 })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n')
  while (!upstream.received.includes(ten)) await new Promise(setImmediate)
  const closed = once([...upstream.sockets][0] ?? client.socket, 'close')
  client.send('1\r\nX\r\n')
  const answer = await client.response()
  t.equal(answer.status, 413)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_REQUEST_TOO_LARGE')
  await closed
  t.notMatch(upstream.received, 'X\r\n', 'what was too much did not pass')
  t.notMatch(upstream.received, /\r\n0\r\n/)
  t.same(observed.failures, [], 'it was not the application that failed')
  client.send('0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n')
  while (!upstream.received.includes('GET /next ')) await new Promise(setImmediate)
  t.pass('the connection goes on')
})

t.test('chunks that turn out to be more after the answer has begun cut it', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin, maxBody: 10 })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n')
  await client.until('half')
  client.send('a\r\n0123456789\r\n')
  t.equal(await client.ended, 'reset')
  t.equal(client.pending, '')
})

t.test('a client that goes on sending for ever after its 413 is disconnected', async (t) => {
  const { origin } = await startEcho(t)
  const { port, clock, observed } = await startProxy(t, { upstream: origin, maxBody: 10 })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n')
  t.equal((await client.response()).status, 413)
  await observed.over(1)
  await clock.advance(2_000)
  await client.ended
  t.equal(observed.answers.length, 1)
})

t.test('without a maximum any declared length passes', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740991\r\n\r\nfirst')
  while (!/content-length: 9007199254740991\r\n/i.test(upstream.received)) await new Promise(setImmediate)
  t.pass('to the last digit')
})
