/** HTTPS of the proxy: when it opens, what it serves with, and what becomes of a rotation. */
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { createAuthority, type ServerCertificate } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { askSecurely } from '../support/e2e-https.ts'
import { anotherRule, type ProxyScene, proxyScene, secretTls } from '../support/e2e-https-proxy.ts'
import { metric } from '../support/e2e-metrics.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  type SidecarProcess,
  startReadySidecar,
  startSidecar,
  token,
} from '../support/process-sidecar.ts'
import { ready } from '../support/reloaded-sidecar.ts'
import { CertificateFiles } from '../tls/support.ts'

const authority = createAuthority()
const { ca, issue } = authority
const taken = 'the certificate was taken over'
const stays = 'the certificate is not taken over: the former one stays'
const closed = 'the listener stays closed until its certificate is fit'

async function addressOf(sidecar: SidecarProcess): Promise<string> {
  const { proxy } = await sidecar.says(ready)
  return String(proxy)
}

async function hello(t: Test, address: string, trusted = ca): Promise<void> {
  t.match(await askSecurely(address, '/', { ca: trusted }), { status: 200, text: 'hello' })
}

/** Nothing that the process says, whoever asks, has a line of the private keys. */
async function saysNothingOf(t: Test, sidecar: SidecarProcess, pairs: ServerCertificate[]): Promise<void> {
  const answers = await Promise.all(
    ['/metrics', '/readyz?verbose', '/v1/secrets', '/v1/explain/shared%2Ftls'].map((path) =>
      sidecar.ask(path),
    ),
  )
  const all = [sidecar.child.stdout, sidecar.child.stderr, ...answers.map(({ text }) => text)].join('\n')
  const lines = pairs.flatMap(({ key }) =>
    key.split('\n').filter((line) => line !== '' && !line.startsWith('-')),
  )
  t.ok(lines.length >= pairs.length)
  for (const line of lines) t.notOk(all.includes(line))
  t.notMatch(all, 'CANARY')
}

t.test('a certificate in a secret is served once it is held, and its rotation to newcomers', async (t) => {
  const { rotate, configOf, backend } = await proxyScene(t)
  await backend.stop()
  const [first, other] = [issue(), createAuthority('Another')]
  const second = other.issue()
  rotate(first)
  const sidecar = await startSidecar(t, { config: configOf({ tls: secretTls }) })
  await sidecar.says('refresh failed')
  t.match((await sidecar.ask('/readyz')).text, '[-]listeners failed')
  await backend.start()
  const address = await addressOf(sidecar)
  t.match(address, /^https:/)
  await hello(t, address)
  await t.rejects(ask(address, '/'), 'plain HTTP')
  const scrape = async (name: string, labels = {}): Promise<number | undefined> =>
    metric((await sidecar.ask('/metrics')).text, name, labels)
  const labels = { listener: '127.0.0.1:0' }
  const inADay = Date.now() / 1_000 + 24 * 60 * 60
  const expiry = (await scrape('sidekeep_tls_certificate_expiry_timestamp_seconds', labels)) ?? 0
  t.ok(Math.abs(expiry - inADay) < 120)

  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal((await askSecurely(address, '/', { ca, agent })).status, 200)
  rotate(second)
  await sidecar.says(taken)
  await hello(t, address, other.ca)
  await t.rejects(askSecurely(address, '/', { ca }))
  t.equal((await askSecurely(address, '/', { ca, agent })).status, 200, 'who was connected stays so')
  t.equal(await scrape('sidekeep_tls_reload_total', { outcome: 'applied' }), 1)
  t.equal(await scrape('sidekeep_tls_reload_total', { outcome: 'failed' }), 0)
  await saysNothingOf(t, sidecar, [first, second])
})

t.test('a rotation to what is unfit changes nothing and is told once', async (t) => {
  const { rotate, configOf } = await proxyScene(t)
  rotate(issue())
  const sidecar = await startReadySidecar(t, { config: configOf({ tls: secretTls }) })
  const address = await addressOf(sidecar)
  const unfit = { cert: issue().cert, key: issue().key }
  rotate(unfit)
  const line = await sidecar.says(stays)
  t.match(line, {
    level: 'error',
    listener: 'proxy',
    err: {
      message:
        /the key in the secret "shared\/tls", field tls\.key is not that of the certificate in the secret "shared\/tls", field tls\.crt/,
    },
  })
  await hello(t, address)
  t.equal((await sidecar.ask('/readyz')).status, 200)
  const { text } = await sidecar.ask('/metrics')
  t.equal(metric(text, 'sidekeep_tls_reload_total', { outcome: 'failed' }), 1)
  const next = createAuthority('The next')
  rotate(next.issue())
  await sidecar.says(taken)
  await hello(t, address, next.ca)
  t.equal(sidecar.logged(stays).length, 1)
  await saysNothingOf(t, sidecar, [unfit])
})

async function startUnfit(t: Test, scene: ProxyScene): Promise<SidecarProcess> {
  scene.rotate({ cert: issue().cert, key: issue().key })
  return await startSidecar(t, { config: scene.configOf({ tls: secretTls }) })
}

t.test('an unfit certificate in a secret keeps the proxy closed, and the API serves on', async (t) => {
  const scene = await proxyScene(t)
  const sidecar = await startUnfit(t, scene)
  t.match(await sidecar.says(closed), {
    level: 'error',
    listener: 'proxy',
    err: { message: /Put the two of one issue/ },
  })
  const secret = await sidecar.ask('/v1/secrets/db-password?format=raw')
  t.match(secret, { status: 200, text: 'CANARY-db-password' })
  const probe = await sidecar.ask('/readyz')
  t.match(probe, { status: 503, text: /^\[\+\]required-secrets-held ok\n\[-\]listeners failed$/m })
  t.notMatch(probe.text, 'shared')
  t.equal((await sidecar.ask('/livez')).status, 200)
  t.strictSame(sidecar.logged(ready), [])

  scene.rotate({ cert: 'CANARY-no-certificate', key: issue().key })
  await sidecar.says(closed, 2)
  scene.rotate(issue())
  await hello(t, await addressOf(sidecar))
  t.equal((await sidecar.ask('/readyz')).status, 200)
  t.equal(sidecar.logged(closed).length, 2, 'each thing that was wrong is told once')
})

t.test('a sidecar that waits for a fit certificate can be stopped', async (t) => {
  const sidecar = await startUnfit(t, await proxyScene(t))
  await sidecar.says(closed)
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
})

t.test('a stop need not wait until it is known that the certificate is unfit', async (t) => {
  const sidecar = await startUnfit(t, await proxyScene(t))
  await eventually('the secrets to be held', async () =>
    (await sidecar.ask('/readyz')).text.includes('[+]required-secrets-held ok'),
  )
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  t.strictSame(sidecar.logged(closed), [])
})

t.test('files that are unfit keep the sidecar from starting, with the file and a remedy', async (t) => {
  const { configOf } = await proxyScene(t)
  const files = new CertificateFiles(t, { ...issue(), key: issue().key })
  const refused = async (tls: object): Promise<string> => {
    const args = ['--config', configFile(t, configOf({ tls }))]
    const { code, stderr } = await launchSidecar(t, args, { env: { AUTH_TOKEN: token } }).child.ended()
    t.equal(code, 78)
    return stderr
  }
  t.match(
    await refused(files.files),
    /The listener "proxy" cannot serve HTTPS: the key in .*tls\.key is not that of/,
  )
  const beside = { ...secretTls, cert: '/nowhere' }
  t.match(await refused(beside), /\/nowhere cannot be read \(ENOENT\)\. Check proxy\.tls\.cert/)
})

t.test('files that are swapped while it runs are served from then on', async (t) => {
  const { configOf } = await proxyScene(t)
  const files = new CertificateFiles(t, issue())
  const sidecar = await startReadySidecar(t, { config: configOf({ tls: files.files }, { secrets: {} }) })
  const address = await addressOf(sidecar)
  await hello(t, address)
  const next = createAuthority('The next')
  const pair = next.issue()
  const folder = folderOf(t)
  for (const [part, path] of [
    ['cert', files.files.cert],
    ['key', files.files.key],
  ] as const) {
    const beside = join(folder, part)
    writeFileSync(beside, pair[part])
    renameSync(beside, path)
  }
  await sidecar.says(taken)
  await hello(t, address, next.ca)
})

t.test(
  'where the authorities of clients are a secret, nobody without a certificate of theirs gets in',
  async (t) => {
    const { rotate, configOf, backend } = await proxyScene(t)
    const [clients, others] = [createAuthority('Of the clients'), createAuthority('Of others')]
    rotate(issue())
    backend.secrets.set('clients', { value: clients.ca })
    const secrets = { 'shared/tls': anotherRule, clients: anotherRule }
    const tls = { ...secretTls, clientCa: { secret: 'clients' } }
    const sidecar = await startReadySidecar(t, { config: configOf({ tls }, { secrets }) })
    const address = await addressOf(sidecar)
    t.equal((await askSecurely(address, '/', { ca, ...clients.issue() })).text, 'hello')
    await t.rejects(askSecurely(address, '/', { ca }))
    await t.rejects(askSecurely(address, '/', { ca, ...others.issue() }))
    backend.secrets.set('clients', { value: others.ca })
    await sidecar.says(taken)
    t.equal((await askSecurely(address, '/', { ca, ...others.issue() })).text, 'hello')
    await t.rejects(askSecurely(address, '/', { ca, ...clients.issue() }))
  },
)

t.test('a stop answers what comes on a connection of HTTPS that is open', async (t) => {
  const { rotate, configOf } = await proxyScene(t)
  rotate(issue())
  const sidecar = await startReadySidecar(t, { config: configOf({ tls: secretTls }) })
  const address = await addressOf(sidecar)
  const socket = connect({ port: Number(new URL(address).port), host: '127.0.0.1', ca })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [answer] = await once(socket, 'data')
  t.match(String(answer), 'HTTP/1.1 200')
  t.match(await sidecar.child.ended(), { code: 0 })
})
