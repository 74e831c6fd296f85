/** Where the application is, and where the proxy: over TLS, and on Unix sockets. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from '../support/certificates.ts'
import { startApplication, startProxied } from '../support/e2e-application.ts'
import { folderOf } from '../support/process-sidecar.ts'

t.test('an application with HTTPS must prove who it is', async (t) => {
  const authority = createAuthority()
  const ca = join(folderOf(t), 'ca.crt')
  writeFileSync(ca, authority.ca)
  const application = await startApplication(t, { tls: authority.issue({ names: ['app.internal'] }) })
  const trusted = { ca: { file: ca }, serverName: 'app.internal' }
  const { ask, change, config, sidecar } = await startProxied(t, application, { upstreamTls: trusted })
  const answer = await ask('/now', { headers: { host: 'shop.example' } })
  t.equal(answer.text, 'hello')
  t.equal(application.requests[0]?.headers.host, 'shop.example', "the client's host is no name of it")

  for (const [upstreamTls, why] of [
    [{ ca: { file: ca }, serverName: 'other.internal' }, 'another name'],
    [{ ca: { file: ca } }, 'the address, for which the certificate is not'],
    [{ serverName: 'app.internal' }, 'an authority that nobody named'],
  ] as const) {
    await change(config({ upstreamTls }))
    const refused = await ask('/now')
    t.equal(refused.status, 502, why)
    t.equal(refused.headers['sidekeep-error'], 'SIDEKEEP_UPSTREAM_UNREACHABLE', why)
  }
  t.equal(application.requests.length, 1)
  await change(config({ upstreamTls: trusted }))
  t.equal((await ask('/now')).text, 'hello')
  t.equal((await sidecar.ask('/readyz')).status, 200, 'none of it is for readiness to tell')
})

t.test('authorities that cannot be read keep it from starting, or from changing', async (t) => {
  const application = await startApplication(t)
  const { ask, change, config, sidecar } = await startProxied(t, application)
  const file = join(folderOf(t), 'nobody.crt')
  const line = await change(
    config({ upstream: 'https://127.0.0.1:1', upstreamTls: { ca: { file } } }),
    'the configuration could not be applied: nothing has changed',
  )
  t.match(JSON.stringify(line), 'SIDEKEEP_CREDENTIAL_UNREADABLE')
  t.equal((await ask('/now')).text, 'hello')
  t.notOk(sidecar.child.isGone)
})

t.test('application and proxy may be on Unix sockets', async (t) => {
  const folder = folderOf(t)
  const application = await startApplication(t, { path: join(folder, 'app.sock') })
  const listen = `unix:${join(folder, 'proxy.sock')}`
  const { ask, proxy, sidecar } = await startProxied(t, application, {
    listen,
    limits: [{ name: 'per-client', key: 'client-ip', rate: '1/h', burst: 2 }],
  })
  t.equal(proxy, listen)
  t.equal((await ask('/now')).text, 'hello')
  t.equal((await ask('/now', { headers: { 'x-forwarded-for': '192.0.2.1' } })).text, 'hello')
  t.equal((await ask('/now')).status, 429, 'without addresses all clients are one')
  t.strictSame(
    application.requests.map(({ headers }) => headers['x-forwarded-for']),
    [undefined, undefined],
    'and nobody can claim one',
  )
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0 })
})
