import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { createAuthority, type ServerCertificate } from '../support/certificates.ts'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange, type RawResponse } from './support/raw-client.ts'
import { socketPath } from './support/socket-path.ts'
import { closedPort, startRawUpstream, startUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

function isProblem(t: Test, answer: RawResponse, status: number, code: string): void {
  t.equal(answer.status, status)
  t.equal(answer.header('content-type'), 'application/problem+json')
  t.equal(answer.header('sidekeep-error'), code)
  t.equal(answer.header('cache-control'), 'no-store')
  t.match(JSON.parse(answer.body), { status, code })
  t.notMatch(answer.body, /127\.0\.0\.1|localhost|ECONN|UND_ERR|socket/i, 'it says nothing of what is behind')
}

t.test('an application that does not listen is 502, unreachable', async (t) => {
  const { port, observed, lines } = await startProxy(t, {
    upstream: `http://127.0.0.1:${await closedPort()}`,
  })
  const client = await connectTo(t, port)
  client.send(get)
  isProblem(t, await client.response(), 502, 'SIDEKEEP_UPSTREAM_UNREACHABLE')
  client.send(get)
  t.equal((await client.response()).status, 502, 'the connection goes on')
  t.same(observed.failures, ['connect', 'connect'])
  t.equal(lines.length, 1, 'a second failure right after the first one is not logged')
  t.match(JSON.parse(lines[0] ?? ''), { reason: 'connect', code: 'ECONNREFUSED', unlogged: 0 })
})

t.test('failures are logged again after a while, with how many went unlogged', async (t) => {
  const { port, clock, lines } = await startProxy(t, { upstream: `http://127.0.0.1:${await closedPort()}` })
  await exchange(t, port, get)
  await exchange(t, port, get)
  await clock.advance(10_000)
  await exchange(t, port, get)
  t.equal(lines.length, 2)
  t.match(JSON.parse(lines[1] ?? ''), { unlogged: 1 })
})

t.test(
  'a body that is on its way to an application that does not listen is no reason to lose the 502',
  async (t) => {
    const { port } = await startProxy(t, { upstream: `http://127.0.0.1:${await closedPort()}` })
    const client = await connectTo(t, port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ')
    isProblem(t, await client.response(), 502, 'SIDEKEEP_UPSTREAM_UNREACHABLE')
    client.send(`there${get}`)
    t.equal(
      (await client.response()).status,
      502,
      'the rest of the body is read, and the next request with it',
    )
  },
)

t.test('a client that goes on sending what nobody wants is disconnected', async (t) => {
  const { port, clock } = await startProxy(t, { upstream: `http://127.0.0.1:${await closedPort()}` })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome')
  t.equal((await client.response()).status, 502)
  await clock.advance(2_000)
  await client.ended
})

t.test('an application that hangs up without an answer is 502, failed, and is not asked again', async (t) => {
  let requests = 0
  const upstream = await startRawUpstream(t, (socket) => {
    requests += 1
    socket.end()
  })
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  isProblem(t, await exchange(t, port, get), 502, 'SIDEKEEP_UPSTREAM_FAILED')
  isProblem(
    t,
    await exchange(t, port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'),
    502,
    'SIDEKEEP_UPSTREAM_FAILED',
  )
  t.same(observed.failures, ['reset', 'reset'])
  t.equal(requests, 2)
})

for (const [name, answer] of Object.entries({
  'what is not HTTP': 'CANARY-nonsense\r\n\r\n',
  'a length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc',
  'a transfer coding that nobody undoes':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'another protocol that nobody asked for':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
})) {
  t.test(`an application that answers ${name} is 502, failed`, async (t) => {
    const upstream = await startRawUpstream(t, (socket) => socket.write(answer))
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    isProblem(t, await exchange(t, port, get), 502, 'SIDEKEEP_UPSTREAM_FAILED')
    t.same(observed.failures, ['protocol'])
  })
}

t.test('an application that is silent is 504 after timeouts.headers', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const timeouts = { connect: 2_000, headers: 50, idle: 60_000 }
  const { port, observed } = await startProxy(t, { upstream: upstream.origin, timeouts })
  isProblem(t, await exchange(t, port, get), 504, 'SIDEKEEP_UPSTREAM_TIMEOUT')
  t.same(observed.failures, ['headers_timeout'])
})

t.test('an answer that pauses for longer than timeouts.idle is cut', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
  )
  const timeouts = { connect: 2_000, headers: 30_000, idle: 50 }
  const { port, observed } = await startProxy(t, { upstream: upstream.origin, timeouts })
  const client = await connectTo(t, port)
  client.send(get)
  await client.until('half')
  t.equal(await client.ended, 'reset')
  t.same(observed.failures, ['idle_timeout'])
})

for (const [name, head, request] of [
  ['with a length', 'Content-Length: 9\r\n\r\nhalf', get],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', get],
  [
    'in chunks, for a client of HTTP/1.0',
    'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'GET / HTTP/1.0\r\n\r\n',
  ],
] as const) {
  t.test(`an answer ${name} that breaks off does not look whole to the client`, async (t) => {
    const upstream = await startRawUpstream(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}`)
    })
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(request)
    await client.until('half')
    for (const socket of upstream.sockets) socket.destroy()
    t.equal(await client.ended, 'reset')
    await observed.over(1)
    t.same(observed.failures, ['reset'])
    t.match(observed.answers, [{ status: 200 }])
  })
}

t.test('an answer that ends with its connection is whole after an end, and not after a reset', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')
  })
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  for (const [ends, expected] of [
    ['end', 'end'],
    ['resetAndDestroy', 'reset'],
  ] as const) {
    const client = await connectTo(t, port)
    client.send('GET / HTTP/1.0\r\n\r\n')
    await client.until('half')
    for (const socket of upstream.sockets) socket[ends]()
    t.equal(await client.ended, expected)
  }
  await observed.over(2)
  t.same(observed.failures, ['reset'])
})

t.test('a client that leaves ends the request to the application', async (t) => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const { origin } = await startUpstream(t, (request) => {
    request.socket.once('close', leave)
    ask()
  })
  const { port, observed } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(get)
  await asked
  client.socket.destroy()
  await left
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
  t.same(observed.failures, [], 'it was not the application that failed')
})

t.test('a client that leaves in the middle of its body ends the request to the application', async (t) => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const { origin } = await startUpstream(t, (request) => {
    request.once('data', () => ask())
    request.once('error', () => {}).once('close', leave)
  })
  const { port, observed } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ')
  await asked
  client.socket.destroy()
  await left
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
})

t.test('a client that leaves ends its request, and what it sent behind that is never asked', async (t) => {
  const asked: (string | undefined)[] = []
  const { promise: firstAsked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const { origin } = await startUpstream(t, (request) => {
    asked.push(request.url)
    request.socket.once('close', () => leave())
    ask()
  })
  const { port, observed } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await firstAsked
  client.socket.destroy()
  await left
  await observed.over(1)
  t.match(observed.answers, [{ status: 499 }])
  t.same(asked, ['/1'])
})

t.test(
  'an answer that comes before the body has ended passes, and the connection is still good',
  async (t) => {
    const upstream = await startRawUpstream(t, (socket) =>
      socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'),
    )
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf')
    t.match(await client.response(), { status: 413, body: 'big' })
    client.send(`rest${get}`)
    t.match(await client.response(), { status: 413, body: 'big' })
  },
)

t.test('over TLS the certificate must be for the upstream, not for what the client calls Host', async (t) => {
  const authority = createAuthority()
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.ca])
  t.teardown(() => setDefaultCACertificates(before))
  const right = await startProxy(t, { upstream: await startTls(t, authority.issue()) })
  t.match(await exchange(t, right.port, 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n'), {
    status: 200,
    body: 'secure',
  })
  const wrong = await startProxy(t, {
    upstream: await startTls(t, authority.issue({ names: ['shop.example'] })),
  })
  const answer = await exchange(t, wrong.port, 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n')
  isProblem(t, answer, 502, 'SIDEKEEP_UPSTREAM_UNREACHABLE')
  const unknown = await startProxy(t, { upstream: await startTls(t, createAuthority().issue()) })
  isProblem(t, await exchange(t, unknown.port, get), 502, 'SIDEKEEP_UPSTREAM_UNREACHABLE')
})

t.test('a TLS handshake that takes longer than timeouts.connect is 504', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const timeouts = { connect: 50, headers: 30_000, idle: 60_000 }
  const { port, observed } = await startProxy(t, {
    upstream: upstream.origin.replace('http:', 'https:'),
    timeouts,
  })
  isProblem(t, await exchange(t, port, get), 504, 'SIDEKEEP_UPSTREAM_TIMEOUT')
  t.same(observed.failures, ['connect_timeout'])
})

t.test('the application may listen on a Unix socket', async (t) => {
  const path = socketPath(t)
  const server = createServer((_request, response) => response.end('from the socket')).listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = await startProxy(t, { upstream: `unix:${path}` })
  t.match(await exchange(t, port, get), { status: 200, body: 'from the socket' })
})

async function startTls(t: Test, certificate: ServerCertificate): Promise<string> {
  const server = createTlsServer(certificate, (_request, response) => response.end('secure')).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}
