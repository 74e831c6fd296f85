/** Applications that answer what no application should: the client gets an answer or a 502, and the proxy goes on. */
import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startRawUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

for (const [name, [reason, passed]] of Object.entries({
  'in UTF-8': ['\xe6\x97\xa5', '\xe6\x97\xa5'],
  'that is no UTF-8': ['caf\xe9', 'caf'],
  'with a control character': ['O\x01K', ''],
  'with a NUL': ['O\0K', ''],
} satisfies Record<string, [string, string]>)) {
  t.test(`a reason phrase ${name} ends no process, whenever the body comes`, async (t) => {
    let isLate = false
    const upstream = await startRawUpstream(t, (socket) => {
      socket.write(`HTTP/1.1 200 ${reason}\r\nContent-Length: 2\r\n\r\n${isLate ? '' : 'ok'}`, 'latin1')
    })
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(get)
    t.ok((await client.until('ok')).startsWith(`HTTP/1.1 200 ${passed}`))
    isLate = true
    client.send(get)
    // The head has gone out alone.
    t.ok((await client.until('\r\n\r\n')).startsWith(`HTTP/1.1 200 ${passed}`))
    for (const socket of upstream.sockets) socket.write('ok')
    await client.until('ok')
  })
}

for (const [name, answer] of Object.entries({
  'a control character in a header': 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok',
  'a space in the name of a header': 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 2\r\n\r\nok',
  'a header that goes on in the next line': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok',
  'a lone line feed': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  'a length beside chunks':
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'the status 000': 'HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok',
  'the status 099': 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok',
  'a head of 80 KB': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(80_000)}\r\nContent-Length: 2\r\n\r\nok`,
})) {
  t.test(`an answer with ${name} is 502, and the next request is answered`, async (t) => {
    let isSane = false
    const upstream = await startRawUpstream(t, (socket) => {
      socket.write(isSane ? 'HTTP/1.1 204 No Content\r\n\r\n' : answer, 'latin1')
    })
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(get)
    const { status, header } = await client.response()
    t.equal(status, 502)
    t.equal(header('sidekeep-error'), 'SIDEKEEP_UPSTREAM_FAILED')
    t.same(observed.failures, ['protocol'])
    isSane = true
    client.send(get)
    t.equal((await client.response()).status, 204)
  })
}

t.test('what an application says after its answer is no answer to anybody', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
  const upstream = await startRawUpstream(t, (socket, head) => {
    const path = /^GET (\S+)/.exec(head)?.[1] ?? ''
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}${poison}`)
  })
  const { port } = await startProxy(t, {
    upstream: upstream.origin,
    // So that the place, and with it perhaps the connection, goes to the next one at once.
    concurrency: { max: 1, queue: 128, queueTimeout: 60_000 },
  })
  const paths = Array.from({ length: 20 }, (_, at) => `/${at}`)
  const answers = await Promise.all(
    paths.map((path) => exchange(t, port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)),
  )
  t.same(
    answers.map(({ body }) => body),
    paths,
  )
})

for (const status of [204, 304]) {
  t.test(`a body of a ${status} is no answer to the next request`, async (t) => {
    const upstream = await startRawUpstream(t, (socket, head) => {
      const isFirst = head.startsWith('GET /1 ')
      socket.write(
        isFirst
          ? `HTTP/1.1 ${status} X\r\nContent-Length: 45\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`
          : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      )
    })
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal((await client.response()).status, status)
    t.match(await client.response(), { status: 200, body: 'ok' })
  })
}

t.test('a body that follows an answer to HEAD is no answer to the next request', async (t) => {
  const upstream = await startRawUpstream(t, (socket, head) => {
    socket.write(
      head.startsWith('HEAD')
        ? 'HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
        : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
  })
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get}`)
  t.equal((await client.response(true)).header('content-length'), '45')
  t.match(await client.response(), { status: 200, body: 'ok' })
})
