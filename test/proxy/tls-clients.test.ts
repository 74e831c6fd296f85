/** What must hold over TLS as it does without: Node's sockets for it are others, and behave otherwise. */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { createAuthority } from '../support/certificates.ts'
import { type ProxyOptions, type StartedProxy, startProxy } from './support/proxy.ts'
import { RawClient } from './support/raw-client.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const authority = createAuthority()

async function startTls(
  t: Test,
  options: ProxyOptions,
): Promise<StartedProxy & { open(): Promise<RawClient> }> {
  const started = await startProxy(t, options, undefined, authority.issue())
  return {
    ...started,
    async open() {
      const socket = connect({ port: started.port, host: '127.0.0.1', ca: authority.ca })
      t.teardown(() => socket.destroy())
      await once(socket, 'secureConnect')
      return new RawClient(socket)
    },
  }
}

t.test('a client of HTTPS is answered, and the application told so', async (t) => {
  const { origin } = await startEcho(t)
  const { open } = await startTls(t, { upstream: origin })
  const client = await open()
  client.send(get)
  t.match(JSON.parse((await client.response()).body).headers, {
    'x-forwarded-proto': 'https',
    forwarded: 'for=127.0.0.1;host=a;proto=https',
  })
})

t.test('a client of HTTPS that leaves ends its request to the application', async (t) => {
  const upstream = await startRawUpstream(t, () => asked.resolve())
  const asked = Promise.withResolvers<void>()
  const { open, observed } = await startTls(t, { upstream: upstream.origin })
  const client = await open()
  client.send(get)
  await asked.promise
  const [connection] = upstream.sockets
  client.socket.destroy()
  if (connection !== undefined) await once(connection, 'close')
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('an answer that breaks off over TLS ends the connection, not the process', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  })
  const { open, observed } = await startTls(t, { upstream: upstream.origin })
  const client = await open()
  client.send(get)
  await client.until('half')
  for (const socket of upstream.sockets) socket.destroy()
  await client.ended
  await observed.over(1)
  t.same(observed.failures, ['reset'])
})

t.test('a broken request over TLS does not spoil the answer to the good one before it', async (t) => {
  const asked = Promise.withResolvers<() => void>()
  const upstream = await startRawUpstream(t, (socket) => {
    asked.resolve(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { open, proxy } = await startTls(t, { upstream: upstream.origin })
  const refused = once(proxy.app.server, 'clientError')
  const client = await open()
  client.send(`${get}BROKEN\r\n\r\n`)
  await refused
  const answer = await asked.promise
  answer()
  t.match(await client.response(), { status: 200, body: 'ok' })
  await client.ended
})

t.test('requests that come over TLS without waiting are asked one after the other', async (t) => {
  let most = 0
  let now = 0
  const upstream = await startRawUpstream(t, (socket) => {
    now += 1
    most = Math.max(most, now)
    setImmediate(() => {
      now -= 1
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const { open } = await startTls(t, { upstream: upstream.origin })
  const client = await open()
  client.send(get.repeat(5))
  for (let at = 0; at < 5; at += 1) t.equal((await client.response()).body, 'ok')
  t.equal(most, 1)
})

t.test('draining closes at the deadline what is in the middle of a handshake too', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, clock } = await startTls(t, { upstream: origin })
  const silent = connectTcp(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => silent.destroy())
  await once(proxy.app.server, 'connection')
  const closed = proxy.close({ withinMs: 5_000 })
  await clock.advance(5_000)
  await closed
  t.pass('it ended')
})

t.test('a WebSocket passes over TLS, and ends when either side does', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello')
  })
  const { open, observed } = await startTls(t, { upstream: upstream.origin })
  const client = await open()
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.equal((await client.response()).status, 101)
  await client.until('hello')
  for (const socket of upstream.sockets) socket.resetAndDestroy()
  await client.ended
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('plain HTTP on a TLS port is no request, and ends the connection', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed } = await startTls(t, { upstream: origin })
  const socket = connectTcp(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const client = new RawClient(socket)
  client.send(get)
  await client.ended
  t.same(observed.answers, [], 'a handshake that fails is not counted as a request')
})
