/**
 * The attack: SSRF. The application is talked into requesting a URL of the attacker's choice: directly, by a redirect
 * that its client follows, or as a proxy that hands on what it is sent. The attacker chooses the address, and through a
 * proxy the headers too; but a proxy tells that it is one.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { request } from '../api/support/client.ts'
import { createWorld } from '../api/support/world.ts'
import { startProxy } from '../proxy/support/proxy.ts'
import { readAnswer } from '../support/http-answer.ts'
import { outcomes, requestText } from '../support/raw-http.ts'

async function serve(t: Test, handler: http.RequestListener): Promise<number> {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close().closeAllConnections()
    await closed
  })
  return (server.address() as AddressInfo).port
}

const secret = '/v1/secrets/db-password'

t.test('a client that follows a redirect to the sidecar is not let in', async (t) => {
  const world = await createWorld(t)
  const { calls } = world.provider
  await world.clock.advance(5_000)
  for (const status of [301, 302, 303, 307, 308]) {
    for (const [method, path] of [
      ['GET', secret],
      ['GET', '/v1/secrets'],
      ['POST', '/v1/refresh'],
      ['POST', '/v1/refresh/db-password'],
    ] as const) {
      const redirector = await serve(t, (_request, response) => {
        response.writeHead(status, { Location: `http://127.0.0.1:${world.port}${path}` }).end()
      })
      // The fetch of Node follows redirects by itself, as the clients of most languages do.
      const answer = await fetch(`http://127.0.0.1:${redirector}/`, { method })
      const text = await answer.text()
      t.equal(answer.status, 401, `${method} ${status} ${path}`)
      t.match(answer.url, String(world.port), 'it has come to the sidecar')
      t.notMatch(text, 'CANARY-')
    }
  }
  t.equal(world.provider.calls, calls, 'no backend was asked')
})

t.test('credentials in a URL and the headers of webhooks let nobody in', async (t) => {
  const world = await createWorld(t)
  const headers = {
    'Content-Type': 'application/json',
    Accept: '*/*',
    Authorization: `Basic ${Buffer.from('X-Sidekeep-Request:true').toString('base64')}`,
    'X-Webhook-Secret': 'true',
    Metadata: 'true',
    'Metadata-Flavor': 'Google',
    'X-aws-ec2-metadata-token': 'true',
    'X-Vault-Request': 'true',
  }
  t.equal((await request(world.port, 'GET', secret, { headers })).status, 401)
})

/** What kinds of proxies there are: each adds what it is known to add. */
const proxies: Readonly<Record<string, (request: IncomingMessage) => Record<string, string>>> = {
  'nginx with proxy_set_header': () => ({ 'X-Real-IP': '203.0.113.7', 'X-Forwarded-For': '203.0.113.7' }),
  'one that appends to X-Forwarded-For': ({ headers }) => ({
    'X-Forwarded-For': [headers['x-forwarded-for'], '203.0.113.7'].filter((part) => part).join(', '),
  }),
  'one that tells its host': () => ({ 'X-Forwarded-Host': 'app.example', 'X-Forwarded-Proto': 'https' }),
  'one that keeps to RFC 7239': () => ({ Forwarded: 'for=203.0.113.7;proto=https' }),
  'one that keeps to RFC 9110': () => ({ Via: '1.1 proxy.example' }),
  'one that empties what it does not tell': () => ({ 'X-Forwarded-For': '' }),
}

for (const [what, added] of Object.entries(proxies)) {
  t.test(`what comes through a proxy is refused with all that its sender set: ${what}`, async (t) => {
    const world = await createWorld(t)
    const proxy = await serve(t, (incoming, response) => {
      const onward = http.request(
        {
          host: '127.0.0.1',
          port: world.port,
          method: incoming.method ?? 'GET',
          path: incoming.url ?? '/',
          headers: { ...incoming.headers, host: `127.0.0.1:${world.port}`, ...added(incoming) },
          agent: false,
        },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        },
      )
      incoming.pipe(onward)
    })
    for (const [method, path] of [
      ['GET', secret],
      ['GET', '/v1/secrets'],
      ['GET', '/v1/events'],
      ['POST', '/v1/refresh'],
      ['GET', `http://127.0.0.1:${world.port}${secret}`],
      ['GET', '/metrics'],
    ] as const) {
      const answer = await request(proxy, method, path, { headers: { 'X-Sidekeep-Request': 'true' } })
      t.equal(answer.status, 400, `${method} ${path}`)
      t.equal(answer.json().code, 'SIDEKEEP_FORWARDED_REQUEST', `${method} ${path}`)
      t.notMatch(answer.text, 'CANARY-')
    }
    // Connection names headers that a proxy is to take out (RFC 9110, section 7.6.1); its own it adds afterwards.
    const headers = { 'X-Sidekeep-Request': 'true', Connection: 'X-Forwarded-For, Via, Forwarded, close' }
    t.equal((await request(proxy, 'GET', secret, { headers })).status, 400)
  })
}

t.test('the proxy of the sidecar itself hands nothing on to its api', async (t) => {
  const world = await createWorld(t)
  const { port } = await startProxy(t, { upstream: `http://127.0.0.1:${world.port}` })
  const call = http.request({
    host: '127.0.0.1',
    port,
    path: secret,
    headers: { 'X-Sidekeep-Request': 'true', Host: 'localhost' },
    agent: false,
  })
  call.end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  const answer = await readAnswer(response)
  t.equal(answer.status, 400)
  t.equal(answer.json().code, 'SIDEKEEP_FORWARDED_REQUEST')
})

t.test('a URL for another protocol brings nothing: gopher, an SMTP client, a TLS handshake', async (t) => {
  const world = await createWorld(t)
  for (const bytes of [
    'EHLO localhost\r\nMAIL FROM:<a@b>\r\n',
    '*2\r\n$3\r\nGET\r\n$11\r\ndb-password\r\n',
    Buffer.from('160301020001fc0303', 'hex'),
    requestText(['GET /v1/secrets/db-password HTTP/1.1\nHost: localhost\nX-Sidekeep-Request: true']),
  ]) {
    t.strictSame(await outcomes(world.port, bytes), ['400 SIDEKEEP_BAD_REQUEST'])
  }
})
