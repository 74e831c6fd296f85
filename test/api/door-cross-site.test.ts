import https from 'node:https'
import t from 'tap'
import { createApi } from '../../src/api/server.ts'
import { createAuthority } from '../support/certificates.ts'
import { head, raw } from './support/client.ts'
import { outcome } from './support/outcome.ts'
import { createWorld, portOf } from './support/world.ts'

const secret = 'GET /v1/secrets/db-password HTTP/1.1'
const header = 'X-Sidekeep-Request: true'
const crossSite = '403 SIDEKEEP_CROSS_SITE_REQUEST'

t.test('an Origin that is not the very origin of Host is refused', async (t) => {
  const world = await createWorld(t)
  const at = `127.0.0.1:${world.port}`
  for (const origin of [
    'https://evil.example',
    'null',
    '',
    `https://${at}`,
    `http://localhost:${world.port}`,
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    `http://${at}/`,
    `http://${at}/page`,
    `http://user@${at}`,
    `http://${at}.evil.example`,
    `http://${at} http://evil.example`,
    `http://${at}, http://evil.example`,
    'chrome-extension://abcdef',
    'file://',
    at,
  ]) {
    const answer = await raw(world.port, head(secret, `Host: ${at}`, header, `Origin: ${origin}`))
    t.equal(outcome(answer), crossSite, origin)
    t.match(answer, /the header Origin/)
    t.notMatch(answer, 'evil.example')
  }
  const twice = head(secret, `Host: ${at}`, header, `Origin: http://${at}`, `Origin: http://${at}`)
  t.equal(outcome(await raw(world.port, twice)), crossSite, 'two of them')
  for (const [host, origin] of [
    [at, `http://${at}`],
    [at, `HTTP://${at}`],
    ['localhost', 'http://localhost'],
    ['LOCALHOST:80', 'http://localhost'],
    ['[::1]:7575', 'http://[::1]:7575'],
  ] as const) {
    const answer = await raw(world.port, head(secret, `Host: ${host}`, header, `Origin: ${origin}`))
    t.equal(outcome(answer), '200', `${origin} at ${host}`)
  }
})

t.test('Sec-Fetch-Site may say that no other site is involved, and nothing else', async (t) => {
  const world = await createWorld(t)
  const send = (...sites: string[]) =>
    raw(
      world.port,
      head(secret, 'Host: localhost', header, ...sites.map((site) => `Sec-Fetch-Site: ${site}`)),
    )
  for (const site of ['cross-site', 'same-site', 'Same-Origin', 'none, none', '', 'anything']) {
    const answer = await send(site)
    t.equal(outcome(answer), crossSite, site)
    t.match(answer, /the header Sec-Fetch-Site/)
  }
  t.equal(outcome(await send('none', 'none')), crossSite, 'two of them')
  for (const site of ['same-origin', 'none']) t.equal(outcome(await send(site)), '200', site)
})

t.test('a page is refused however open the listener is, and whatever it asks for', async (t) => {
  const world = await createWorld(t, { config: { access: 'open' } })
  for (const line of [
    secret,
    'POST /v1/refresh HTTP/1.1',
    'GET /v1/events HTTP/1.1',
    'GET /metrics HTTP/1.1',
    'GET /openapi.json HTTP/1.1',
    'GET /nope HTTP/1.1',
  ]) {
    const answer = await raw(world.port, head(line, 'Host: localhost', 'Sec-Fetch-Site: cross-site'))
    t.equal(outcome(answer), crossSite, line)
  }
  t.equal(world.provider.calls, 1, 'nothing was fetched for it')
})

t.test('over TLS the own origin is one of https', async (t) => {
  const authority = createAuthority()
  const world = await createWorld(t)
  const app = createApi({ ...world.deps, tls: authority.issue() })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const port = portOf(app)
  const statusFor = async (origin: string): Promise<number | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    https
      .get(
        {
          host: '127.0.0.1',
          port,
          path: '/v1/secrets/db-password',
          ca: authority.ca,
          headers: { 'X-Sidekeep-Request': 'true', Origin: origin },
          agent: false,
        },
        (response) => resolve(response.resume().statusCode),
      )
      .on('error', reject)
    return await promise
  }
  t.equal(await statusFor(`https://127.0.0.1:${port}`), 200)
  t.equal(await statusFor(`http://127.0.0.1:${port}`), 403)
})
