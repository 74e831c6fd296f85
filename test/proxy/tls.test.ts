import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { createAuthority } from '../support/certificates.ts'
import { type StartedProxy, startProxy } from './support/proxy.ts'
import { RawClient } from './support/raw-client.ts'
import { type Echo, startEcho, startRawUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function startSecure(t: Test, upstream: string): Promise<StartedProxy & { client: RawClient }> {
  const authority = createAuthority()
  const started = await startProxy(t, { upstream }, undefined, authority.issue())
  const socket = connectTls({ port: started.port, host: '127.0.0.1', ca: authority.ca })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return { ...started, client: new RawClient(socket) }
}

t.test('the application hears that the client spoke HTTPS', async (t) => {
  const { origin } = await startEcho(t)
  const { client } = await startSecure(t, origin)
  client.send(get)
  const { headers } = JSON.parse((await client.response()).body) as Echo
  t.equal(headers['x-forwarded-proto'], 'https')
  t.equal(headers.forwarded, 'for=127.0.0.1;host=a;proto=https')
})

t.test('an answer that breaks off does not look whole over TLS either', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')
  })
  const { client, observed } = await startSecure(t, upstream.origin)
  client.send('GET / HTTP/1.0\r\n\r\n')
  await client.until('half')
  for (const socket of upstream.sockets) socket.resetAndDestroy()
  t.equal(await client.ended, 'reset')
  await observed.over(1)
  t.same(observed.failures, ['reset'])
})

t.test('a client that leaves ends its request to the application', async (t) => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const upstream = await startRawUpstream(t, () => ask())
  const { client, observed } = await startSecure(t, upstream.origin)
  client.send(get)
  await asked
  client.socket.destroy()
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
})

t.test('whoever does not get through the handshake is parted from, and counts as no request', async (t) => {
  const { origin } = await startEcho(t)
  const tls = { ...createAuthority().issue(), handshakeTimeout: 20 }
  const { port, observed } = await startProxy(t, { upstream: origin }, undefined, tls)
  for (const first of ['', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', get]) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.resume().write(first, 'latin1')
    await once(socket, 'close')
  }
  t.same(observed.answers, [])
})

t.test('a client that never says what it wants of TLS does not hold up the end', async (t) => {
  const { origin } = await startEcho(t)
  const { proxy, port, clock, client } = await startSecure(t, origin)
  client.send(get)
  await client.response()
  const accepted = once(proxy.app.server, 'connection')
  const silent = connect(port, '127.0.0.1')
  t.teardown(() => silent.destroy())
  await accepted
  const closed = proxy.close()
  await clock.advance(1_000)
  await closed
  t.equal(await client.ended, 'end')
})
