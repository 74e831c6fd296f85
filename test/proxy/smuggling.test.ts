/** What two readers of the same bytes could take for different requests. */
import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo, exchange } from './support/raw-client.ts'
import { startStrict } from './support/strict-upstream.ts'
import { startEcho, startRawUpstream } from './support/upstream.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const post = 'POST / HTTP/1.1\r\nHost: a\r\n'

for (const [name, request] of Object.entries({
  'a coding and one that is none': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'identity alone': `${post}Transfer-Encoding: identity\r\n\r\n`,
  'a vertical tab behind the coding': `${post}Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n`,
  'a vertical tab before the coding': `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'a coding in quotes': `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  'a parameter of the coding': `${post}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`,
  'an empty coding': `${post}Transfer-Encoding:\r\n\r\n`,
  'the coding in the next line': `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'a space before the colon of the coding': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'a length before the coding': `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a length behind the coding': `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'the same length twice': `${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
  'a list of lengths': `${post}Content-Length: 2, 2\r\n\r\nab`,
  'a length that overflows': `${post}Content-Length: 18446744073709551618\r\n\r\nab`,
  'a negative length': `${post}Content-Length: -2\r\n\r\nab`,
  'an empty length': `${post}Content-Length:\r\n\r\n`,
  'a length with a fraction': `${post}Content-Length: 2.0\r\n\r\nab`,
  'a length with a space in it': `${post}Content-Length: 1 1\r\n\r\nab`,
  'a lone carriage return in a header': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n',
  'a lone carriage return before the end': 'GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n',
  'lone line feeds everywhere': 'GET / HTTP/1.1\nHost: a\n\n',
  'a NUL in the name of a header': 'GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n',
  'a NUL in the target': 'GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a first header that is a continuation': 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
  'a header without a colon': 'GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n',
  'a second version': 'GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'a tab for a space': 'GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n',
  'no version': 'GET /\r\nHost: a\r\n\r\n',
  'a version of HTTP/1.2': 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an unknown method': 'SMUGGLE / HTTP/1.1\r\nHost: a\r\n\r\n',
  'a method in small letters': 'get / HTTP/1.1\r\nHost: a\r\n\r\n',
})) {
  t.test(`${name}: 400, the connection ends, and nothing reaches the application`, async (t) => {
    const upstream = await startRawUpstream(t, (socket) => socket.end())
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(`${request}${smuggled}`)
    t.equal((await client.response()).status, 400)
    await client.ended
    t.equal(client.pending, '')
    t.notMatch(upstream.received, 'smuggled')
    t.notMatch(upstream.received, /HTTP\/1\.1\r\n/, 'not even the first of it')
  })
}

for (const [name, chunks] of Object.entries({
  'a negative size': '-1\r\n',
  'a size in hexadecimal with 0x': '0x2\r\nab\r\n0\r\n\r\n',
  'a size that overflows': 'ffffffffffffffffff\r\nab\r\n0\r\n\r\n',
  'a size with a space before it': ' 2\r\nab\r\n0\r\n\r\n',
  'a size with an underscore': '1_0\r\nab\r\n0\r\n\r\n',
  'an empty size': '\r\nab\r\n0\r\n\r\n',
  'a lone carriage return behind the size': '2\rab\r\n0\r\n\r\n',
  'a lone line feed in an extension': '2;a\nb\r\nab\r\n0\r\n\r\n',
  'a lone line feed behind the data': '2\r\nab\n0\r\n\r\n',
  'too little data': '3\r\nab\r\n0\r\n\r\n',
  'a length in the trailers': '2\r\nab\r\n0\r\nContent-Length: 99\r\n\r\n',
  'a coding in the trailers': '2\r\nab\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n',
  'a broken trailer': '2\r\nab\r\n0\r\nX : y\r\n\r\n',
})) {
  t.test(`chunks with ${name}: 400, and what follows is no request`, async (t) => {
    const upstream = await startStrict(t)
    const { port, observed } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(`${post}Transfer-Encoding: chunked\r\n\r\n${chunks}${smuggled}`)
    t.equal((await client.response()).status, 400)
    await client.ended
    t.same(upstream.requests, [])
    t.same(observed.failures, [])
  })
}

for (const [name, chunks] of Object.entries({
  'an extension': '2;a=b\r\nhi\r\n0;c\r\n\r\n',
  'an extension in quotes': '2;a="b;c"\r\nhi\r\n0\r\n\r\n',
  'a size with zeros before it': '0002\r\nhi\r\n000\r\n\r\n',
  'a size in capitals, and trailers for a head':
    '2\r\nhi\r\n0\r\nHost: b\r\nTE: gzip\r\nConnection: Host\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n',
})) {
  t.test(
    `chunks with ${name} pass as the body that they are, and the next request is the next`,
    async (t) => {
      const upstream = await startStrict(t)
      const { port } = await startProxy(t, { upstream: upstream.origin })
      const client = await connectTo(t, port)
      client.send(`${post}Transfer-Encoding: chunked\r\n\r\n${chunks}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n`)
      t.equal((await client.response()).status, 200)
      t.equal((await client.response()).status, 200)
      t.same(upstream.faults, [])
      t.same(upstream.requests, [
        { line: 'POST / HTTP/1.1', body: 'hi' },
        { line: 'GET /2 HTTP/1.1', body: '' },
      ])
    },
  )
}

for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST']) {
  t.test(`the body of a ${method} is never left over for the next one on the connection`, async (t) => {
    // An application that does not look at bodies, and answers what it takes for requests.
    const upstream = await startRawUpstream(t, (socket, head) => {
      const isToHead = head.startsWith('HEAD')
      const path = /^\S+ (\S+)/.exec(head)?.[1] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${isToHead ? '' : path}`)
    })
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send(`${method} /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`)
    t.equal((await client.response(method === 'HEAD')).status, 200)
    for (let at = 2; at < 5; at += 1) {
      t.equal((await exchange(t, port, `GET /${at} HTTP/1.1\r\nHost: a\r\n\r\n`)).body, `/${at}`)
    }
  })
}

t.test('a length of 0 is no body, and what follows is the next request', async (t) => {
  const upstream = await startStrict(t)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send(`${post}Content-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n`)
  t.equal((await client.response()).status, 200)
  t.equal((await client.response()).status, 200)
  t.same(
    upstream.requests.map(({ line }) => line),
    ['POST / HTTP/1.1', 'GET /2 HTTP/1.1'],
  )
})

t.test('more requests than one may send without waiting end the connection', async (t) => {
  const upstream = await startRawUpstream(t, () => {})
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(34))
  await client.ended
  t.equal(client.pending, '')
  t.equal(observed.answers.length, 1, 'the others were never begun')
  t.equal(observed.readGauges().inFlight, 0)
})

t.test('33 of them are answered in order, one at a time', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  const paths = Array.from({ length: 33 }, (_, at) => `/${at}`)
  client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''))
  for (const path of paths) t.equal(JSON.parse((await client.response()).body).url, path)
})

t.test('a Host with a port, in brackets, or an address is the one that the application gets', async (t) => {
  const upstream = await startStrict(t)
  const { port } = await startProxy(t, { upstream: upstream.origin })
  for (const host of ['a.example:8080', '[2001:db8::1]:80', '192.0.2.1'])
    t.equal((await exchange(t, port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 200)
  for (const host of ['a b', 'a\tb', '[::1', 'a"b', 'a\\b', 'http://a', 'a?b', 'a#b', '\xe9'])
    t.equal((await exchange(t, port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 400, host)
  t.same(upstream.faults, [])
})
