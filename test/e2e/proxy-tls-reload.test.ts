/** HTTPS of the proxy under a changed configuration. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { createAuthority } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { askSecurely } from '../support/e2e-https.ts'
import { anotherRule, proxyScene, secretTls } from '../support/e2e-https-proxy.ts'
import { freePort } from '../support/e2e-kill.ts'
import { failed, ready, startReloaded } from '../support/reloaded-sidecar.ts'
import { CertificateFiles } from '../tls/support.ts'

const { ca, issue } = createAuthority()
const closed = 'the listener stays closed until its certificate is fit'
const otherTls = {
  cert: { secret: 'other', field: 'cert' },
  key: { secret: 'other', field: 'key' },
}

t.test('files give way to a secret that the same change declares, without a gap', async (t) => {
  const { backend, configOf } = await proxyScene(t)
  const next = createAuthority('The next')
  backend.secrets.set('other', { value: JSON.stringify(next.issue()) })
  const listen = `127.0.0.1:${await freePort()}`
  const { files } = new CertificateFiles(t, issue())
  const before = configOf({ listen, tls: files }, { secrets: {} })
  const { sidecar, change } = await startReloaded(t, before)
  const address = `https://${listen}`
  t.equal((await askSecurely(address, '/', { ca })).text, 'hello')
  const after = configOf({ listen, tls: otherTls }, { secrets: { other: anotherRule } })
  t.match(await change(after), { options: ['proxy.tls'] })
  await sidecar.says('the certificate was taken over')
  t.equal((await askSecurely(address, '/', { ca: next.ca })).text, 'hello')
  t.match(await change(before), { options: ['proxy.tls'] })
  t.equal((await askSecurely(address, '/', { ca })).text, 'hello')
})

t.test(
  'another secret is refused where it is unfit, and so is another protocol at the address',
  async (t) => {
    const { backend, rotate, configOf } = await proxyScene(t)
    rotate(issue())
    backend.secrets.set('other', { value: JSON.stringify({ ...issue(), key: issue().key }) })
    const secrets = { 'shared/tls': anotherRule, other: anotherRule }
    const listen = `127.0.0.1:${await freePort()}`
    const { change } = await startReloaded(t, configOf({ listen, tls: secretTls }, { secrets }))
    t.match(await change(configOf({ listen, tls: otherTls }, { secrets }), failed), {
      err: { message: /the key in the secret "other", field key is not that of the certificate/ },
    })
    t.match(await change(configOf({ listen }, { secrets }), failed), {
      err: { message: /Whether it speaks HTTPS.* changes with a restart/ },
    })
    const elsewhere = `127.0.0.1:${await freePort()}`
    t.match(await change(configOf({ listen: elsewhere, tls: otherTls }, { secrets }), failed), {
      err: { message: /the key in the secret "other"/ },
    })
    t.equal((await askSecurely(`https://${listen}`, '/', { ca })).text, 'hello', 'nothing has changed')
    await change(configOf({ listen: elsewhere }, { secrets }))
    t.equal((await ask(`http://${elsewhere}`, '/')).text, 'hello')
  },
)

t.test(
  'while the proxy waits for a fit certificate other options change, and that is told once',
  async (t) => {
    const { rotate, configOf } = await proxyScene(t)
    rotate({ ...issue(), key: issue().key })
    const { sidecar, change } = await startReloaded(t, configOf({ tls: secretTls }), {}, closed)
    t.match(await change(configOf({ tls: secretTls }, { log: { level: 'debug' } })), {
      options: ['log.level'],
    })
    t.equal((await sidecar.ask('/readyz')).status, 503)
    t.strictSame(sidecar.logged(ready), [])
    rotate(issue())
    const { proxy } = await sidecar.says(ready)
    t.equal((await askSecurely(String(proxy), '/', { ca })).text, 'hello')
    t.equal(sidecar.logged(closed).length, 1)
  },
)

t.test('a change to files that are fit, or to plain HTTP, opens a proxy that waits', async (t) => {
  const { rotate, configOf } = await proxyScene(t)
  rotate({ ...issue(), key: issue().key })
  const { files } = new CertificateFiles(t, issue())
  for (const tls of [files, undefined]) {
    const { sidecar, change } = await startReloaded(t, configOf({ tls: secretTls }), {}, closed)
    await change(configOf(tls === undefined ? {} : { tls }))
    const { proxy } = await sidecar.says(ready)
    const answer = tls === undefined ? ask(String(proxy), '/') : askSecurely(String(proxy), '/', { ca })
    t.equal((await answer).text, 'hello')
  }
})

t.test('a proxy that a change adds opens as soon as its secret is held', async (t) => {
  const { backend, configOf } = await proxyScene(t)
  const { proxy: _, ...without } = configOf({}, { secrets: {} }) as Record<string, unknown>
  const listen = `127.0.0.1:${await freePort()}`
  const { sidecar, change } = await startReloaded(t, without)
  await change(configOf({ listen, tls: otherTls }, { secrets: { other: anotherRule } }))
  t.match((await sidecar.ask('/readyz')).text, '[-]listeners failed')
  backend.secrets.set('other', { value: JSON.stringify(issue()) })
  await eventually(
    'the proxy to open',
    async () => (await askSecurely(`https://${listen}`, '/', { ca })).text === 'hello',
  )
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('an address that was taken meanwhile is told, and the next change tries again', async (t) => {
  const { backend, configOf } = await proxyScene(t)
  const { proxy: _, ...without } = configOf({}, { secrets: {} }) as Record<string, unknown>
  const taken = await startBackend(t)
  const config = (log: object): object =>
    configOf({ listen: `127.0.0.1:${taken.port}`, tls: otherTls }, { secrets: { other: anotherRule }, log })
  const { sidecar, change } = await startReloaded(t, without)
  await change(config({ level: 'info' }))
  backend.secrets.set('other', { value: JSON.stringify(issue()) })
  t.match(await sidecar.says('the proxy stays closed'), {
    level: 'error',
    err: { code: 'SIDEKEEP_LISTEN_FAILED', message: /something else listens there already/ },
  })
  await taken.stop()
  await change(config({ level: 'debug' }))
  await eventually(
    'the proxy to open',
    async () => (await askSecurely(`https://127.0.0.1:${taken.port}`, '/', { ca })).text === 'hello',
  )
})
