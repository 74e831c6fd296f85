import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { limitOf, startProxy } from './support/proxy.ts'
import { connectTo, exchange, type RawClient } from './support/raw-client.ts'
import { standsStill } from './support/stands-still.ts'
import { closedPort, type RawUpstream, startEcho, startRawUpstream } from './support/upstream.ts'

const fields =
  'Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n'
const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const upgrade = `GET /chat?room=1 HTTP/1.1\r\n${fields}${key}\r\n`
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Kept: \xe9\r\n\r\n'

/** An application that answers every head with the given bytes. */
async function answering(t: Test, answer: string): Promise<RawUpstream> {
  return await startRawUpstream(t, (socket) => socket.write(answer, 'latin1'))
}

/** Asks for an upgrade and reads the 101; the application's end comes with it. */
async function upgraded(
  t: Test,
  port: number,
  upstream: RawUpstream,
): Promise<{ client: RawClient; application: Socket }> {
  const client = await connectTo(t, port)
  client.send(upgrade)
  t.equal((await client.response()).status, 101)
  const [application] = upstream.sockets
  if (application === undefined) throw new Error('the application has no connection')
  return { client, application }
}

t.test('a WebSocket is agreed on with the headers that belong to it', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(upgrade)
  const answer = await client.response()
  t.equal(answer.status, 101)
  t.equal(answer.header('upgrade'), 'websocket')
  t.equal(answer.header('connection'), 'Upgrade')
  t.equal(answer.header('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  t.equal(answer.header('x-kept'), '\xe9')
  const asked = upstream.received.toLowerCase()
  t.match(asked, /^get \/chat\?room=1 http\/1\.1\r\n/)
  t.equal(asked.match(/\r\nhost: a\r\n/g)?.length, 1)
  t.equal(asked.match(/\r\nupgrade: websocket\r\n/g)?.length, 1)
  t.equal(asked.match(/\r\nconnection: upgrade\r\n/g)?.length, 1)
  t.match(asked, 'sec-websocket-key: dghlihnhbxbszsbub25jzq==')
  t.match(asked, 'x-forwarded-for: 127.0.0.1')
  t.equal(observed.upgrades, 1)
  t.match(observed.answers, [{ status: 101 }])
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('a limit that lets an upgrade pass says so in the 101', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin, limits: [limitOf({ burst: 3 })] })
  const client = await connectTo(t, port)
  client.send(upgrade)
  t.match((await client.response()).header('ratelimit'), '"per-client";r=2')
})

t.test('both sides hear each other, byte by byte, and the bytes are counted', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  application.on('data', (text: string) => application.write(text.toUpperCase(), 'latin1'))
  client.send('\x81\x05hello')
  t.equal(await client.until('HELLO'), '\x81\x05HELLO')
  t.equal(observed.bytesReceived, 7)
  t.equal(observed.bytesSent, 7)
})

t.test('what a client sends together with its request comes after it', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(`${upgrade}early`)
  client.send(' and more')
  await client.response()
  while (!upstream.received.endsWith('\r\n\r\nearly and more')) await new Promise(setImmediate)
  t.pass('in this order')
})

t.test('what the application sends together with its 101 comes after it', async (t) => {
  const upstream = await answering(t, `${switching}early`)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(upgrade)
  await client.response()
  t.equal(await client.until('early'), 'early')
})

const mebi = 2 ** 20
const total = 64 * mebi
/** What the operating system may hold between a writer and a reader. */
const inTransit = 24 * mebi

/** Writes so many bytes, as fast as they are taken, and says that this is all. */
function write(socket: Socket, bytes: number): void {
  const piece = Buffer.alloc(mebi / 16, 'x')
  let written = 0
  const go = (): void => {
    while (written < bytes) {
      written += piece.length
      if (!socket.write(piece)) return
    }
    socket.end()
  }
  socket.on('drain', go)
  go()
}

t.test('a client that does not read holds the application back, and loses nothing', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  client.socket.removeAllListeners('data').pause()
  write(application, total)
  const held = await standsStill(() => observed.bytesSent)
  t.ok(held < inTransit, `${held} bytes`)
  let read = 0
  client.socket.on('data', (text: string) => {
    read += text.length
  })
  client.socket.resume()
  await client.ended
  t.equal(read, total)
})

t.test('an application that does not read holds the client back, and gets everything', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  application.removeAllListeners('data').pause()
  write(client.socket, total)
  const held = await standsStill(() => observed.bytesReceived)
  t.ok(held < inTransit, `${held} bytes`)
  let read = 0
  application.on('data', (text: string) => {
    read += text.length
  })
  application.resume()
  await once(application, 'end')
  t.equal(read, total)
})

t.test('a side that has said all still hears the other', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  application.allowHalfOpen = true
  client.socket.end('bye')
  await once(application, 'end')
  application.end('goodbye')
  t.equal(await client.until('goodbye'), 'goodbye')
  t.equal(await client.ended, 'end')
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('an application that has said all still hears the client', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  client.socket.allowHalfOpen = true
  application.end('bye')
  await client.ended
  t.equal(client.pending, 'bye')
  client.socket.end('and one more thing')
  await once(application, 'end')
  t.ok(upstream.received.endsWith('and one more thing'))
})

t.test('an application that dies ends the WebSocket at once', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  application.resetAndDestroy()
  await client.ended
  t.equal(client.pending, '')
})

t.test('a client that dies ends the WebSocket at once', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  const closed = once(application, 'close')
  client.socket.resetAndDestroy()
  await closed
  t.equal(upstream.sockets.size, 0)
})

for (const [way, leave] of Object.entries({
  'a FIN': (socket: Socket) => socket.end(),
  'a reset': (socket: Socket) => socket.resetAndDestroy(),
})) {
  t.test(`a client that leaves with ${way} while its upgrade is being asked for ends that`, async (t) => {
    const asked = Promise.withResolvers<Socket>()
    const upstream = await startRawUpstream(t, asked.resolve)
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(`${upgrade}early`)
    const application = await asked.promise
    leave(client.socket)
    await once(application, 'close')
    await observed.over(1)
    t.match(observed.answers, [{ status: 499 }])
    t.equal(observed.readGauges().inFlight, 0)
  })
}

t.test('an upgrade that the application declines is answered in full, and the connection ends', async (t) => {
  // More than the client's system takes before the client reads, and little enough for ours to take the rest.
  const body = 'x'.repeat(mebi / 2)
  const upstream = await answering(
    t,
    `HTTP/1.1 426 Upgrade Required\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.socket.pause()
  // A client that speaks at once, and one that reads only when the proxy has long said all.
  client.send(`${upgrade}${'frames that nobody reads'.repeat(200_000)}`)
  await observed.over(1)
  await new Promise(setImmediate)
  client.socket.resume()
  const answer = await client.response()
  t.equal(answer.status, 426)
  t.equal(answer.header('connection'), 'close')
  t.equal(answer.body.length, body.length)
  await client.ended
  t.equal(observed.upgrades, 0)
  t.match(observed.answers, [{ status: 426 }])
})

t.test('an answer of 200 to an upgrade is an answer, whatever its framing', async (t) => {
  const upstream = await answering(
    t,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(`${upgrade}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
  t.match(await client.response(), { status: 200, body: 'ok' })
  await client.ended
  t.equal(client.pending, '', 'what came after the request is no request')
  t.notMatch(upstream.received, 'smuggled')
})

t.test('a limit, a full queue and an application that is not there refuse an upgrade too', async (t) => {
  const upstream = await answering(t, switching)
  const limited = await startProxy(t, { upstream: upstream.origin, limits: [limitOf({ burst: 1 })] })
  await exchange(
    t,
    limited.port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  const refused = await connectTo(t, limited.port)
  refused.send(upgrade)
  const answer = await refused.response()
  t.equal(answer.status, 429)
  t.equal(answer.header('connection'), 'close')
  await refused.ended

  const silent = await startRawUpstream(t, () => {})
  const busy = await startProxy(t, {
    upstream: silent.origin,
    concurrency: { max: 1, queue: 0, queueTimeout: 1_000 },
  })
  const first = await connectTo(t, busy.port)
  first.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  while (busy.observed.readGauges().inFlight === 0) await new Promise(setImmediate)
  t.equal((await exchange(t, busy.port, upgrade)).status, 503)

  const nowhere = await startProxy(t, { upstream: `http://127.0.0.1:${await closedPort()}` })
  const client = await connectTo(t, nowhere.port)
  client.send(upgrade)
  t.equal((await client.response()).status, 502)
  await client.ended
})

for (const [name, answer] of Object.entries({
  'another protocol': switching.replace('websocket', 'h2c'),
  'two protocols': switching.replace('websocket', 'websocket, h2c'),
  'no protocol': switching.replace('Upgrade: websocket\r\n', ''),
  'a transfer coding': switching.replace('\r\n\r\n', '\r\nTransfer-Encoding: gzip\r\n\r\n'),
})) {
  t.test(`a 101 for ${name} is 502`, async (t) => {
    const upstream = await answering(t, answer)
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(upgrade)
    const refused = await client.response()
    t.equal(refused.status, 502)
    t.equal(refused.header('sidekeep-error'), 'SIDEKEEP_UPSTREAM_FAILED')
    await client.ended
    t.same(observed.failures, ['protocol'])
    t.equal(observed.upgrades, 0)
  })
}

t.test('a 101 that nobody asked for is 502', async (t) => {
  const upstream = await answering(t, switching)
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  t.equal((await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status, 502)
  t.same(observed.failures, ['protocol'])
})

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

for (const [name, request] of Object.entries({
  'with a length': `GET / HTTP/1.1\r\n${fields}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  'with chunks': `GET / HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
})) {
  t.test(`an upgrade ${name} is an ordinary request with a body`, async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin })
    const client = await connectTo(t, port)
    client.send(request)
    const { url, body, headers } = JSON.parse((await client.response()).body)
    t.equal(url, '/')
    t.equal(body, smuggled)
    t.equal(headers.upgrade, undefined)
    client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    t.match(JSON.parse((await client.response()).body), { url: '/2', body: '' })
  })
}

for (const [name, request] of Object.entries({
  'by HTTP/1.0': upgrade.replace('HTTP/1.1', 'HTTP/1.0'),
  'by POST': upgrade.replace('GET', 'POST'),
  'for one of several protocols': upgrade.replace('WebSocket\r\n', 'websocket, h2c\r\n'),
  'for several, one after the other': upgrade.replace(
    'Upgrade: WebSocket\r\n',
    'Upgrade: h2c\r\nUpgrade: websocket\r\n',
  ),
  'for h2c': upgrade.replace('WebSocket\r\n', 'h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'),
  'that Connection does not name': upgrade.replace('keep-alive, Upgrade', 'keep-alive'),
})) {
  t.test(`an upgrade ${name} is an ordinary request`, async (t) => {
    const { origin } = await startEcho(t)
    const { port, observed } = await startProxy(t, { upstream: origin })
    const answer = await exchange(t, port, request)
    t.equal(answer.status, 200)
    const { headers } = JSON.parse(answer.body)
    t.equal(headers.upgrade, undefined)
    t.equal(headers['http2-settings'], undefined)
    t.equal(observed.upgrades, 0)
  })
}

t.test('an upgrade behind a request that is not answered yet ends the connection', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(`GET /1 HTTP/1.1\r\nHost: a\r\n\r\n${upgrade}`)
  await client.ended
  t.notMatch(upstream.received, '/chat')
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('an upgrade on a connection that was used before passes', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) =>
    socket.write(head.startsWith('GET /chat') ? switching : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await client.response()).status, 200)
  client.send(upgrade)
  t.equal((await client.response()).status, 101)
})

t.test('a WebSocket on which nothing moves for timeouts.upgraded is closed', async (t) => {
  const upstream = await answering(t, switching)
  const { port } = await startProxy(t, { upstream: upstream.origin, timeouts: { upgraded: 50 } })
  const { client, application } = await upgraded(t, port, upstream)
  const closed = once(application, 'close')
  await client.ended
  await closed
  t.equal(upstream.sockets.size, 0)
})

t.test('a WebSocket gives its place back when it is agreed on', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) => {
    socket.write(head.startsWith('GET /chat') ? switching : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  const { port } = await startProxy(t, {
    upstream: upstream.origin,
    concurrency: { max: 1, queue: 0, queueTimeout: 1_000 },
  })
  const { client } = await upgraded(t, port, upstream)
  t.equal((await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)
  client.socket.destroy()
})

t.test('draining leaves a WebSocket alone until the deadline', async (t) => {
  const upstream = await answering(t, switching)
  const { port, proxy, clock, lines } = await startProxy(t, { upstream: upstream.origin })
  const { client, application } = await upgraded(t, port, upstream)
  const closed = proxy.close({ withinMs: 5_000 })
  await clock.advance(4_999)
  application.write('still here')
  await client.until('still here')
  await clock.advance(1)
  await client.ended
  await closed
  t.match(JSON.parse(lines.at(-1) ?? ''), { requests: 1 })
})

t.test('draining ends by itself when the last WebSocket does', async (t) => {
  const upstream = await answering(t, switching)
  const { port, proxy } = await startProxy(t, { upstream: upstream.origin })
  const { client } = await upgraded(t, port, upstream)
  const closed = proxy.close()
  client.socket.destroy()
  await closed
  t.pass('it ended')
})

t.test('draining cuts at the deadline an upgrade that is still being asked for', async (t) => {
  const asked = Promise.withResolvers<Socket>()
  const upstream = await startRawUpstream(t, asked.resolve)
  const { port, proxy, clock, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(upgrade)
  const application = await asked.promise
  const gone = once(application, 'close')
  const closed = proxy.close({ withinMs: 5_000 })
  await clock.advance(5_000)
  await client.ended
  await closed
  await gone
  t.match(observed.answers, [{ status: 499 }])
})
