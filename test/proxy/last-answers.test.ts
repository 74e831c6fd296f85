/** The last answer of a connection reaches its client, also one that is still sending. */
import t from 'tap'
import { limitOf, startProxy } from './support/proxy.ts'
import { connectTo } from './support/raw-client.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

const large = 32 * 1024 * 1024

for (const [name, head] of Object.entries({
  'wants its connection closed': 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n',
  'speaks HTTP/1.0': 'POST / HTTP/1.0\r\nHost: a\r\n',
})) {
  t.test(`a client that ${name} and sends a body that nobody wants gets to see why`, async (t) => {
    const { origin } = await startEcho(t)
    const { port, observed } = await startProxy(t, { upstream: origin, maxBody: 10 })
    const client = await connectTo(t, port)
    client.socket.pause()
    // More than the system keeps: some of it is always still to be read.
    client.send(`${head}Content-Length: ${large}\r\n\r\n${'x'.repeat(large)}`)
    await observed.over(1)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    client.socket.resume()
    const answer = await client.response()
    t.equal(answer.status, 413)
    t.equal(answer.header('connection'), 'close')
    await client.ended
  })
}

t.test('an upload that a limit refuses while draining gets to see why', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, observed, proxy } = await startProxy(t, { upstream: upstream.origin, limits: [limitOf()] })
  const busy = await connectTo(t, port)
  busy.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const client = await connectTo(t, port)
  while (observed.readGauges().inFlight === 0) await new Promise(setImmediate)
  const closed = proxy.close()
  client.socket.pause()
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large}\r\n\r\n${'x'.repeat(large)}`)
  await observed.over(1)
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
  client.socket.resume()
  t.equal((await client.response()).status, 429)
  client.socket.destroy()
  busy.socket.destroy()
  await closed
})

t.test('a client that never stops sending is disconnected all the same', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed, clock } = await startProxy(t, { upstream: origin, maxBody: 10 })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99\r\n\r\nx')
  t.equal((await client.response()).status, 413)
  await observed.over(1)
  await clock.advance(2_000)
  await client.ended
  t.equal(observed.readGauges().inFlight, 0)
})
