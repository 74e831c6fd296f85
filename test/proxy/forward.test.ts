import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { type Echo, startEcho, startRawUpstream, startUpstream } from './support/upstream.ts'

t.test('a request reaches the application with its method, target, headers and body', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const answer = await exchange(
    t,
    port,
    'PUT /a%20b/c?d=../e HTTP/1.1\r\nHost: shop.example\r\nX-Case: Kept\r\nContent-Length: 17\r\n\r\nCANARY-body-12345',
  )
  const echo: Echo = JSON.parse(answer.body)
  t.equal(answer.status, 200)
  t.match(echo, { method: 'PUT', url: '/a%20b/c?d=../e', body: 'CANARY-body-12345' })
  t.match(echo.headers, { host: 'shop.example', 'x-case': 'Kept', 'content-length': '17' })
  t.ok(echo.names.includes('X-Case'), 'in the case in which it was written')
})

t.test('methods that only some applications know pass too', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  for (const method of ['PROPFIND', 'PURGE', 'QUERY', 'DELETE', 'OPTIONS', 'M-SEARCH']) {
    const answer = await exchange(t, port, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Type: !\r\n\r\n`)
    t.match(JSON.parse(answer.body), { method })
  }
})

t.test('a body in chunks stays one in chunks, piece by piece', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) => {
    if (head.includes('first'))
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nseen\r\n')
  })
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
  await client.until('seen')
  t.match(upstream.received.toLowerCase(), /\r\ntransfer-encoding: chunked\r\n/)
  t.notMatch(upstream.received.toLowerCase(), /content-length/)
})

t.test('an answer passes with its status, reason, headers and body', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write(
      'HTTP/1.1 418 Short And Stout\r\nServer: pot\r\nDate: then\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: \xe9\r\nContent-Length: 3\r\n\r\ntea',
    ),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const text = await client.until('tea')
  t.match(text, /^HTTP\/1\.1 418 Short And Stout\r\n/)
  t.match(text, 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n')
  t.match(text, 'Server: pot\r\nDate: then\r\n')
  t.match(text, 'X-Latin: \xc3\xa9\r\n', 'byte for byte')
  t.equal(text.match(/\r\ndate:/gi)?.length, 1, 'there is one date')
})

t.test('answers to HEAD, 204 and 304 have no body, and the connection goes on', async (t) => {
  const { origin } = await startUpstream(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    response.writeHead(status, status === 204 ? {} : { 'content-length': 5, etag: '"x"' })
    response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'hello')
  })
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await client.response(true), { status: 200 })
  client.send('GET /204 HTTP/1.1\r\nHost: a\r\n\r\n')
  const empty = await client.response()
  t.equal(empty.status, 204)
  t.equal(empty.header('content-length'), undefined)
  t.equal(empty.header('transfer-encoding'), undefined)
  client.send('GET /304 HTTP/1.1\r\nHost: a\r\n\r\n')
  const unchanged = await client.response()
  t.equal(unchanged.status, 304)
  t.equal(unchanged.header('etag'), '"x"')
  client.send('GET /200 HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await client.response(), { status: 200, body: 'hello' })
})

t.test('an event stream arrives event by event, its head before the first one', async (t) => {
  const next: (() => void)[] = []
  const { origin } = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    next.push(
      () => response.write('data: one\n\n'),
      () => response.write('data: two\n\n'),
    )
  })
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await client.until('\r\n\r\n'), 'text/event-stream')
  next.shift()?.()
  await client.until('data: one\n\n')
  next.shift()?.()
  await client.until('data: two\n\n')
})

t.test('early hints pass before the answer, to those who know them', async (t) => {
  const upstream = await startRawUpstream(t, (socket) =>
    socket.write(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const hints = await client.response()
  t.equal(hints.status, 103)
  t.equal(hints.header('link'), '</a.css>; rel=preload')
  t.match(await client.response(), { status: 200, body: 'ok' })
  t.match(await exchange(t, port, 'GET / HTTP/1.0\r\n\r\n'), { status: 200, body: 'ok' })
})

t.test('requests that come without waiting are asked and answered one after the other', async (t) => {
  let underWay = 0
  let most = 0
  const { origin } = await startUpstream(t, (request, response) => {
    underWay += 1
    most = Math.max(most, underWay)
    setImmediate(() => {
      underWay -= 1
      response.end(request.url)
    })
  })
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(await client.response(), { body: '/1' })
  t.match(await client.response(), { body: '/2' })
  t.equal(most, 1, 'the second may depend on what the first one does')
})

t.test('a client of HTTP/1.0 gets an answer without chunks, ended by the connection', async (t) => {
  const { origin } = await startUpstream(t, (_request, response) => {
    response.write('one ')
    response.end('two')
  })
  const { port } = await startProxy(t, { upstream: origin })
  const answer = await exchange(t, port, 'GET / HTTP/1.0\r\n\r\n')
  t.equal(answer.header('transfer-encoding'), undefined)
  t.equal(answer.body, 'one two')
})

t.test('every request is counted with its status', async (t) => {
  const { origin } = await startEcho(t)
  const { port, observed } = await startProxy(t, { upstream: origin })
  await exchange(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await exchange(t, port, 'GET //x HTTP/1.1\r\nHost: a\r\n\r\n')
  await observed.over(2)
  t.match(observed.answers, [
    { method: 'GET', status: 200, durationMs: 0 },
    { method: 'GET', status: 400 },
  ])
})
