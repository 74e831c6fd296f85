import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { exchange } from './support/raw-client.ts'
import { type Echo, startEcho } from './support/upstream.ts'

const forged =
  'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-Port: 443\r\nForwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\n'

t.test('what a client says of itself in X-Forwarded headers does not reach the application', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const { headers } = JSON.parse(
    (await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\n${forged}\r\n`)).body,
  ) as Echo
  t.equal(headers['x-forwarded-for'], '127.0.0.1')
  t.equal(headers['x-forwarded-proto'], 'http')
  t.equal(headers['x-forwarded-host'], 'a')
  t.equal(headers.forwarded, 'for=127.0.0.1;host=a;proto=http')
  for (const name of ['x-forwarded-port', 'x-real-ip']) t.equal(headers[name], undefined, name)
})

t.test('what a trusted proxy says is passed on, with its own address added', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin, trustedProxies: ['127.0.0.1/32'] })
  const { headers } = JSON.parse(
    (await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\n${forged}\r\n`)).body,
  ) as Echo
  t.equal(headers['x-forwarded-for'], '192.0.2.1, 127.0.0.1')
  t.equal(headers['x-forwarded-proto'], 'https')
  t.equal(headers['x-forwarded-host'], 'shop.example')
  t.equal(headers['x-forwarded-port'], '443')
  t.equal(headers.forwarded, 'for=192.0.2.1;host=shop.example;proto=https')
  t.equal(headers['x-real-ip'], undefined)
})

t.test('a sane X-Request-Id is kept, any other is replaced', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const idFor = async (lines: string) => {
    const answer = await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
    return (JSON.parse(answer.body) as Echo).headers['x-request-id']
  }
  t.equal(await idFor('X-Request-Id: abc-123/4\r\n'), 'abc-123/4')
  for (const lines of [
    '',
    'X-Request-Id: a b\r\n',
    `X-Request-Id: ${'x'.repeat(129)}\r\n`,
    'X-Request-Id: a\r\nX-Request-Id: b\r\n',
  ]) {
    t.match(await idFor(lines), /^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  }
})

t.test('traceparent, cookies and credentials for the application pass', async (t) => {
  const { origin } = await startEcho(t)
  const { port } = await startProxy(t, { upstream: origin })
  const { headers } = JSON.parse(
    (
      await exchange(
        t,
        port,
        'GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-a-b-01\r\nCookie: s=CANARY-session\r\nAuthorization: Bearer CANARY-token\r\n\r\n',
      )
    ).body,
  ) as Echo
  t.match(headers, {
    traceparent: '00-a-b-01',
    cookie: 's=CANARY-session',
    authorization: 'Bearer CANARY-token',
  })
})
