/** The numbered cases are those that a stock proxy was measured to get wrong. */
import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { type Echo, startEcho, startRawUpstream } from './support/upstream.ts'

t.test(
  '1. Expect: 100-continue is answered 100 once the body is wanted, and the body is forwarded',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin })
    const client = await connectTo(t, port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
    t.equal((await client.response()).status, 100)
    client.send('body')
    const answer = await client.response()
    const echo: Echo = JSON.parse(answer.body)
    t.equal(answer.status, 200)
    t.equal(echo.body, 'body')
    t.equal(echo.headers.expect, undefined)
  },
)

t.test('1b. An expectation nobody knows is no reason to fail', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  t.equal((await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n')).status, 200)
})

t.test("2. A client's Keep-Alive header is harmless", async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const answer = await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: timeout=5\r\n\r\n')
  t.equal(answer.status, 200)
  t.equal(JSON.parse(answer.body).headers['keep-alive'], undefined)
})

const refused = {
  '3. Two Host headers': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  '3c. A second Host behind thousands of headers': `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2_100)}Host: b\r\n\r\n`,
  '3b. The same Host twice': 'GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n',
  '4. HTTP/1.0 with Transfer-Encoding': 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  '8. A request line of HTTP/2.0': 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
  'No Host': 'GET / HTTP/1.1\r\n\r\n',
  'A Host with a path': 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
  'A Host with a user': 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
  'Two hosts in one header': 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n',
  'Content-Length beside Transfer-Encoding':
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'A list of transfer codings':
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'A transfer coding that is not chunked':
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'Two transfer codings':
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'Two lengths': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'A length with a sign': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab',
  'A length in hexadecimal': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab',
  'A header that goes on in the next line': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
  'A space before the colon': 'GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n',
  'A lone line feed': 'GET / HTTP/1.1\r\nHost: a\nX: a\r\n\r\n',
  'A NUL in a header': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n',
  'An absolute URL': 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'An asterisk': 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'A target that looks like a host': 'GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n',
  'A fragment': 'GET /a#/b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment': 'GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment at the end': 'GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment with encoded dots': 'GET /a/%2E./b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment after an encoded slash': 'GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment between backslashes': 'GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment that was encoded twice': 'GET /a/%252e%252E/b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment whose encoding is encoded': 'GET /a/%25%32e.%25%32%66b HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment before an encoded query': 'GET /a/..%3fb HTTP/1.1\r\nHost: a\r\n\r\n',
  'A dot segment before a semicolon': 'GET /a/..;/b HTTP/1.1\r\nHost: a\r\n\r\n',
}

for (const [name, request] of Object.entries(refused)) {
  t.test(`${name}: 400, and nothing reaches the application`, async (t) => {
    const upstream = await startRawUpstream(t, (socket) => socket.end())
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(request)
    const answer = await client.response()
    t.equal(answer.status, 400)
    t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_BAD_REQUEST')
    t.equal(answer.header('content-type'), 'application/problem+json')
    t.match(JSON.parse(answer.body), { status: 400, code: 'SIDEKEEP_BAD_REQUEST' })
    t.equal(answer.header('connection'), 'close')
    await client.ended
    t.equal(upstream.received, '')
  })
}

t.test('5. Headers for the next hop only are not forwarded', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const answer = await exchange(
    t,
    port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nProxy-Authorization: Basic CANARY-proxy\r\nProxy-Connection: keep-alive\r\nProxy: http://CANARY-proxy\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n',
  )
  const { names } = JSON.parse(answer.body) as Echo
  t.same(names.map((name) => name.toLowerCase()).sort(), [
    'connection',
    'forwarded',
    'host',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-request-id',
  ])
})

t.test(
  "6. Response headers that the application's Connection names, and those for the next hop, stop here",
  async (t) => {
    const upstream = await startRawUpstream(t, (socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nConnection: X-Internal, Content-Length\r\nX-Internal: CANARY-internal\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nTrailer: X\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
      ),
    )
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const answer = await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal(answer.body, 'ok')
    t.equal(answer.header('content-length'), '2', 'the length is not for the application to take away')
    t.equal(answer.header('x-kept'), '1')
    for (const name of ['x-internal', 'proxy-authenticate', 'trailer', 'upgrade'])
      t.equal(answer.header(name), undefined)
    t.not(answer.header('keep-alive'), 'timeout=9')
  },
)

t.test(
  '7. Identity headers with underscores are not forwarded, other headers with underscores are',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin, trustedProxies: ['127.0.0.1'] })
    const answer = await exchange(
      t,
      port,
      'GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1.2.3.4\r\nX-Forwarded_Port: 1\r\nContent_Length: 9\r\nTransfer_Encoding: chunked\r\nX_REQUEST_ID: b\r\napi_key: c\r\n\r\n',
    )
    const { headers } = JSON.parse(answer.body) as Echo
    t.same(
      Object.keys(headers).filter((name) => name.includes('_')),
      ['api_key'],
    )
  },
)

t.test(
  '9. A client cannot have identity headers or the framing removed by naming them in Connection',
  async (t) => {
    const { origin } = await startEcho(t)
    const { port } = await startProxy(t, { upstream: origin })
    const answer = await exchange(
      t,
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, Host, Content-Length\r\nX-Request-Id: mine\r\nContent-Length: 4\r\n\r\nbody',
    )
    const { headers, body } = JSON.parse(answer.body) as Echo
    t.match(headers, {
      host: 'a',
      'content-length': '4',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a',
      'x-request-id': 'mine',
    })
    t.equal(body, 'body')
  },
)

for (const [name, chunks] of Object.entries({
  'A bad chunk size': 'x\r\n',
  'A chunk that is longer than it says': '2\r\nabc\r\n0\r\n\r\n',
  'A chunk ended by a lone line feed': '2\nab\r\n0\r\n\r\n',
})) {
  t.test(`${name} ends the request with 400 and the one to the application with it`, async (t) => {
    const upstream = await startRawUpstream(t, () => {})
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    t.equal((await client.response()).status, 400)
    t.equal(await client.ended, 'end')
    t.match(observed.answers, [{ status: 400 }])
    t.same(observed.failures, [], 'it was not the application that failed')
  })
}

t.test('what follows the body of a GET is the next request, not part of the first', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  client.send(`GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`)
  t.match(JSON.parse((await client.response()).body), { url: '/1', body: smuggled })
  client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(JSON.parse((await client.response()).body), { url: '/2', body: '' })
})

t.test('trailers that a head alone may hold are not forwarded, whatever they claim', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nHost: b\r\nTE: x\r\nSet-Cookie: CANARY-cookie\r\nSidekeep-Error: CANARY-error\r\nX-Digest: kept\r\n\r\n',
    ),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nHost: b\r\nX-Trail: CANARY-trail\r\n\r\n',
  )
  t.match(await client.until('\r\n0\r\nX-Digest: kept\r\n\r\n'), 'ok')
  t.notMatch(upstream.received, 'CANARY-trail', 'those of a request are dropped, all of them')
})

t.test('an answer whose trailers claim another length is cut', async (t) => {
  const upstream = await startRawUpstream(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
  })
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until('ok\r\n')
  for (const socket of upstream.sockets) socket.write('0\r\nContent-Length: 9\r\n\r\n')
  await client.ended
  t.notMatch(client.pending, /0\r\n/, 'its end is not there')
  t.same(observed.failures, ['protocol'])
})

t.test('a head that is too large is answered 431', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed } = await startProxy(t, { upstream: origin })
  const answer = await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  t.equal(answer.status, 431)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_HEADERS_TOO_LARGE')
  t.match(observed.answers, [{ status: 431 }])
})

t.test('a broken request after a good one does not spoil the answer to the good one', async (t) => {
  const answers: (() => void)[] = []
  const upstream = await startRawUpstream(t, (socket) => {
    answers.push(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { port, proxy } = await startProxy(t, { upstream: upstream.origin })
  const refused = new Promise((resolve) => proxy.app.server.once('clientError', resolve))
  const client = await connectTo(t, port)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nBROKEN\r\n\r\n')
  await refused
  while (answers.length === 0) await new Promise(setImmediate)
  answers[0]?.()
  t.match(await client.response(), { status: 200, body: 'ok' })
  t.equal(await client.ended, 'end')
  t.equal(client.pending, '')
})

t.test('an answer cannot pass itself off as an error of ours', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write(
      'HTTP/1.1 502 Bad Gateway\r\nSidekeep-Error: SIDEKEEP_UPSTREAM_FAILED\r\nContent-Length: 0\r\n\r\n',
    ),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const answer = await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal(answer.status, 502)
  t.equal(answer.header('sidekeep-error'), undefined)
})
