/**
 * The attack: requests that were right until something happened to them, through the proxy. Whatever reaches the
 * application is one well-formed request for each that was counted, each connection is answered or ends, what is answered is
 * HTTP, and the next caller is served.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { limitOf, type StartedProxy, startProxy } from '../proxy/support/proxy.ts'
import { type StrictUpstream, startStrict } from '../proxy/support/strict-upstream.ts'
import fc from '../support/property.ts'
import { answersIn } from '../support/raw-http.ts'

interface World extends StartedProxy {
  readonly upstream: StrictUpstream
}

async function world(t: Test): Promise<World> {
  const upstream = await startStrict(t)
  const started = await startProxy(t, {
    upstream: upstream.origin,
    // One that never refuses, so that all of it is gone through.
    limits: [
      limitOf({
        rate: 1_000_000,
        burst: 1_000_000,
        match: { path: '/*' },
        key: [{ by: 'cookie', name: 'a' }],
      }),
    ],
    concurrency: { max: 4, queue: 4, queueTimeout: 1_000 },
    access: { log: 'all', path: true, sampleRate: 1 },
  })
  return { ...started, upstream }
}

const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('\r\n\0\t :;,/?%#=GETPOSTHT1.0x')))

const line = fc
  .tuple(
    fc.constantFrom(
      'GET',
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'DELETE',
      'OPTIONS',
      'QUERY',
      'get',
      'CONNECT',
      'PRI',
      '',
    ),
    fc.constantFrom(
      '/',
      '/a/b?c=d',
      '/%2e%2e/a',
      '//a',
      '/a/..',
      '*',
      'http://b/',
      '/\xff',
      '/a b',
      '/#',
      '/%00',
      '',
    ),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.11', 'http/1.1', ''),
  )
  .map((parts) => parts.join(' '))

const field = fc
  .tuple(
    fc.constantFrom(
      ...['Host', 'Content-Length', 'Content-Length', 'Transfer-Encoding', 'Transfer-Encoding', 'Connection'],
      ...['Upgrade', 'Expect', 'TE', 'Trailer', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization'],
      ...[
        'X-Forwarded-For',
        'X_Forwarded_For',
        'Forwarded',
        'X-Request-Id',
        'Content_Length',
        'Cookie',
        'X-\xe9',
      ],
      ...['Transfer_Encoding', 'HTTP2-Settings', 'X-Real-IP', 'Sec-WebSocket-Key', ''],
    ),
    fc.constantFrom(': ', ': ', ':', ' : ', ':\t', ''),
    fc.oneof(
      fc.constantFrom('a', '0', '2', '3', '+3', '0x3', '3, 3', '99999999999999999999', '-1', '', '3 ', '03'),
      fc.constantFrom(
        'chunked',
        'chunked',
        'Chunked',
        'identity',
        'chunked, identity',
        'gzip, chunked',
        'chunked\x0b',
      ),
      fc.constantFrom(
        'close',
        'keep-alive',
        'upgrade',
        'host',
        'content-length',
        'transfer-encoding, x-forwarded-for',
      ),
      fc.constantFrom(
        'h2c',
        'websocket',
        '100-continue',
        'trailers',
        '127.0.0.1',
        'a\r\n b',
        'a\rb',
        'a\nb',
        '\0',
      ),
      fc.string({ unit: byte.map((code) => String.fromCharCode(code)), maxLength: 12 }),
    ),
  )
  .map((parts) => parts.join(''))

const body = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    'abc',
    '3\r\nabc\r\n0\r\n\r\n',
    '3;x=y\r\nabc\r\n0\r\nHost: b\r\n\r\n',
    '0\r\n\r\n',
    '3\r\nabcd\r\n',
  ),
  fc.constantFrom(
    '3\nabc\n0\n\n',
    'fffffffffffffffff\r\n',
    '0x3\r\nabc\r\n0\r\n\r\n',
    ' 3\r\nabc\r\n0\r\n\r\n',
    '-1\r\n',
  ),
  fc.constant('GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n'),
  fc.array(byte, { maxLength: 40 }).map((codes) => Buffer.from(codes).toString('latin1')),
)

const wild = fc
  .record({ line, fields: fc.array(field, { maxLength: 4 }), body })
  .map(({ line, fields, body }) => `${[line, 'Host: a', ...fields].join('\r\n')}\r\n\r\n${body}`)

/** One that is right, with a framing that is. */
const tame = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'QUERY'),
    fields: fc.array(
      fc.constantFrom(
        ...[
          'Connection: close',
          'Connection: X-A, host',
          'X-A: b',
          'TE: trailers',
          'Expect: 100-continue',
          'Cookie: a=b',
        ],
        ...[
          'Upgrade: h2c',
          'Connection: upgrade',
          'X_Forwarded_For: 1.2.3.4',
          'X-Forwarded-For: 1.2.3.4',
          'X-\xe9: c',
        ],
        ...[
          'Trailer: X',
          'Keep-Alive: timeout=1',
          'X-Request-Id: mine',
          'X-Request-Id: not sane',
          'Upgrade: websocket',
        ],
      ),
      { maxLength: 3 },
    ),
    framed: fc.constantFrom(
      '\r\n',
      '\r\n',
      'Content-Length: 0\r\n\r\n',
      'Content-Length: 3\r\n\r\nabc',
      'Content-Length: 03\r\n\r\nabc',
      'Content-Length: 37\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: bcd\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\n003;x="y\\"z"\r\nabc\r\n0;a\r\nHost: b\r\nContent-Length: 9\r\n\r\n',
    ),
  })
  .map(({ method, fields, framed }) => {
    return `${[`${method} /a HTTP/1.1`, 'Host: a', ...fields, ''].join('\r\n')}${framed}`
  })

const request = fc.oneof({ weight: 3, arbitrary: tame }, { weight: 2, arbitrary: wild })

/** Some requests one after the other, of which some bytes were then changed, taken out or doubled. */
const mangled = fc
  .record({
    requests: fc.array(request, { minLength: 1, maxLength: 3 }),
    changes: fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'drop', 'double', 'cut'), byte), {
      maxLength: 2,
    }),
  })
  .map(({ requests, changes }) => {
    let bytes = Buffer.from(requests.join(''), 'latin1')
    for (const [place, change, code] of changes) {
      const at = place % (bytes.length + 1)
      const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
      if (change === 'cut') bytes = Buffer.from(before)
      else if (change === 'drop') bytes = Buffer.concat([before, after.subarray(1)])
      else if (change === 'double') bytes = Buffer.concat([before, after.subarray(0, 40), after])
      else bytes = Buffer.concat([before, Buffer.from([code]), after.subarray(1)])
    }
    return bytes
  })

/** Turns of the event loop after which nothing more comes of what was sent. */
const quiet = 25

/** Sends the bytes and, once nothing moves any more, hangs up. To do so at once would be to leave before the answer. */
async function speak({ port, upstream, observed }: World, bytes: Buffer | string): Promise<string> {
  let heard = ''
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.on('data', (text: string) => {
    heard += text
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  let before = ''
  for (let turns = 0; turns < quiet && !socket.destroyed; turns += 1) {
    await new Promise(setImmediate)
    const { inFlight } = observed.readGauges()
    const now = [heard.length, upstream.requests.length, inFlight, observed.answers.length].join()
    if (now !== before) turns = 0
    before = now
  }
  if (!socket.destroyed) {
    socket.destroy()
    await once(socket, 'close')
  }
  return heard
}

/** What is wrong with what came back; undefined: nothing. */
function faultIn(heard: string): string | undefined {
  for (const { status, headers, body } of answersIn(heard)) {
    if (status >= 500 && status !== 503) return `status ${status}`
    if (status < 400) continue
    if (headers.get('content-type') !== 'application/problem+json') return `${status} is no problem document`
    if (!headers.has('sidekeep-error')) return `${status} does not say that it is ours`
    if (body !== '' && JSON.parse(body).status !== status) return `${status} says another status`
  }
  return undefined
}

t.test('whatever is sent, what the application gets is whole, and no more than was counted', async (t) => {
  const all = await world(t)
  const { upstream, observed } = all
  const property = fc.asyncProperty(mangled, async (sent) => {
    const before = {
      asked: upstream.requests.length,
      counted: observed.answers.length,
      faults: upstream.faults.length,
    }
    const fault = faultIn(await speak(all, sent))
    if (fault !== undefined) throw new Error(`${fault}: ${JSON.stringify(sent.toString('latin1'))}`)
    const faults = upstream.faults.slice(before.faults)
    if (faults.length > 0) throw new Error(`${faults.join('; ')}: ${JSON.stringify(sent.toString('latin1'))}`)
    const { inFlight } = observed.readGauges()
    const counted = observed.answers.length - before.counted + inFlight
    const asked = upstream.requests.length - before.asked
    if (asked > counted)
      throw new Error(`${asked} asked, ${counted} counted: ${JSON.stringify(sent.toString('latin1'))}`)
  })
  await fc.assert(property, { numRuns: 3_000 })
  t.match(await speak(all, 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /\r\n\r\nok$/)
  while (observed.readGauges().inFlight > 0) await new Promise(setImmediate)
  t.ok(upstream.requests.length > 500, `${upstream.requests.length} requests got through`)
  t.ok(upstream.connections < 20)
})
