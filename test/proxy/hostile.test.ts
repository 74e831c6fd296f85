/** What neither a client nor an application should send, and what must not harm anybody else. */
import type { Socket } from 'node:net'
import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startRawUpstream } from './support/upstream.ts'

t.test('a reason phrase in UTF-8 passes as it came', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 404 Größe €\r\nContent-Length: 2\r\n\r\nno', 'utf8'),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const line = Buffer.from(await client.until('\r\n'), 'latin1').toString('utf8')
  t.equal(line, 'HTTP/1.1 404 Größe €\r\n')
})

t.test('a reason phrase that HTTP does not allow ends neither the process nor the answer', async (t) => {
  for (const reason of ['N\u00e3o encontrado', 'a\u0001b\u007f', '\u00c3\u0001\u00a3']) {
    const upstream = await startRawUpstream(t, (socket, head) => {
      // Head and body may be parsed in one turn or in two.
      socket.write(`HTTP/1.1 404 ${reason}\r\nContent-Length: 2\r\n\r\n`, 'latin1')
      if (head.startsWith('GET /late')) setImmediate(() => socket.write('no'))
      else socket.write('no')
    })
    const { port } = await startProxy(t, { upstream: upstream.origin })
    for (const path of ['/once', '/late']) {
      const answer = await exchange(t, port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      t.match(answer, { status: 404, body: 'no' }, reason)
    }
  }
})

t.test('an upgrade with a body is an ordinary request, whose place is given back', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) => {
    const switches = /upgrade: websocket/i.test(head)
    socket.write(
      `HTTP/1.1 ${switches ? '101 S\r\nConnection: Upgrade\r\nUpgrade: websocket' : '200 OK\r\nContent-Length: 0'}\r\n\r\n`,
    )
  })
  const { port, observed } = await startProxy(t, {
    upstream: upstream.origin,
    concurrency: { max: 1, queue: 0, queueTimeout: 1_000 },
  })
  const upgrade = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  for (const [length, first, rest] of [
    ['Content-Length: 5', 'he', 'llo'],
    ['Transfer-Encoding: chunked', '2\r\nhe\r\n', '3\r\nllo\r\n0\r\n\r\n'],
  ]) {
    const client = await connectTo(t, port)
    client.send(`${upgrade}${length}\r\n\r\n${first}`)
    t.equal((await client.response()).status, 200)
    client.send(rest ?? '')
    client.socket.destroy()
  }
  t.equal((await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('a client that takes nothing of the answer to an upgrade is cut like any other', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  )
  const { port, proxy, observed } = await startProxy(t, { upstream: upstream.origin })
  const accepted = new Promise<Socket>((resolve) => proxy.app.server.once('connection', resolve))
  const client = await connectTo(t, port)
  client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('half')
  // What Node does when nothing has moved for long, which a test need not wait for.
  const socket = await accepted
  socket.emit('timeout')
  await client.ended
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
})
