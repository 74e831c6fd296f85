/** HTTPS: who gets in, and how it is started, refused and changed. */
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { startBackend } from '../support/backend.ts'
import { createAuthority } from '../support/certificates.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { askSecurely } from '../support/e2e-https.ts'
import { freePort } from '../support/e2e-kill.ts'
import { metric } from '../support/e2e-metrics.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  token,
} from '../support/process-sidecar.ts'
import { failed, startReloaded } from '../support/reloaded-sidecar.ts'
import { CertificateFiles } from '../tls/support.ts'

const authority = createAuthority()
const { ca } = authority
const secrets = [['db-password', 'CANARY-db-password']] as const
const path = '/v1/secrets/db-password?format=raw'
const callerToken = 'CANARY-web-token-Zx9k3LmQ7vTbY2sNpRwe'
const callers = { web: { tokens: [{ env: 'WEB_TOKEN' }], allow: ['*'] } }
const env = { WEB_TOKEN: callerToken }
const bearer = { authorization: `Bearer ${callerToken}` }

function filesOf(t: Test): CertificateFiles {
  return new CertificateFiles(t, authority.issue())
}

t.test('an address that other machines reach serves HTTPS to who has a token', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url, {
    api: { listen: '0.0.0.0:0', allowRemote: true, callers, tls: filesOf(t).files },
  })
  const sidecar = await startReadySidecar(t, { config, env })
  t.match(sidecar.api, /^https:\/\/0\.0\.0\.0:\d+$/)
  const address = sidecar.api.replace('0.0.0.0', '127.0.0.1')
  t.match(await askSecurely(address, path, { ca, headers: bearer }), {
    status: 200,
    text: 'CANARY-db-password',
  })
  t.equal((await askSecurely(address, path, { ca })).status, 401)
  await t.rejects(ask(address, path, { headers: bearer }), 'plain HTTP')
  await t.rejects(askSecurely(address, path, { ca: createAuthority('Another').ca, headers: bearer }))
})

t.test('curl asks it with the authority and the token', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url, { api: { listen: '127.0.0.1:0', callers, tls: filesOf(t).files } })
  const sidecar = await startReadySidecar(t, { config, env })
  const [authorityFile, headerFile] = [join(folderOf(t), 'ca.crt'), join(folderOf(t), 'header')]
  writeFileSync(authorityFile, ca)
  writeFileSync(headerFile, `Authorization: Bearer ${callerToken}\n`)
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--fail', '--max-time', '10', '--noproxy', '*'],
    ...['--cacert', authorityFile, '--header', `@${headerFile}`, `${sidecar.api}${path}`],
  ])
  t.equal(stdout, 'CANARY-db-password')
})

t.test('each condition that an address of other machines lacks is told', async (t) => {
  const config = simpleConfig('http://127.0.0.1:1', { api: { listen: '0.0.0.0:0' } })
  const sidecar = launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await sidecar.child.ended()
  t.equal(code, 78)
  for (const lacking of ['allowRemote', 'callers with tokens', 'a certificate']) t.match(stderr, lacking)
})

t.test('files that are unfit keep the sidecar from starting, with the file and a remedy', async (t) => {
  const files = filesOf(t)
  files.write({ key: authority.issue().key })
  const config = simpleConfig('http://127.0.0.1:1', { api: { listen: '127.0.0.1:0', tls: files.files } })
  const run = async (): Promise<{ code: number | null; stderr: string }> =>
    await launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } }).child.ended()
  const unfit = await run()
  t.equal(unfit.code, 78)
  t.match(unfit.stderr, /The listener "api" cannot serve HTTPS: the key in .*tls\.key is not that of/)
  rmSync(files.files.cert)
  const missing = await run()
  t.equal(missing.code, 78)
  t.match(missing.stderr, /tls\.crt cannot be read \(ENOENT\)\. Check api\.tls\.cert/)
})

t.test(
  'a certificate that is renewed is served from then on, an unfit one is not, and both are shown',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const files = filesOf(t)
    const config = simpleConfig(backend.url, {
      api: { listen: '127.0.0.1:0', tls: files.files },
      ops: { listen: '127.0.0.1:0' },
    })
    const sidecar = await startReadySidecar(t, { config })
    const scrape = async (name: string, labels = {}): Promise<number | undefined> =>
      metric((await ask(sidecar.ops, '/metrics', { headers: {} })).text, name, labels)
    const expiry = 'sidekeep_tls_certificate_expiry_timestamp_seconds'
    const inADay = Date.now() / 1_000 + 24 * 60 * 60
    t.ok(Math.abs(((await scrape(expiry, { listener: '127.0.0.1:0' })) ?? 0) - inADay) < 120)
    t.equal(await scrape('sidekeep_tls_reload_total', { outcome: 'failed' }), 0)

    files.write({ key: 'CANARY-not-a-key' })
    await sidecar.says('the certificate is not taken over: the former one stays')
    t.equal((await askSecurely(sidecar.api, path, { ca })).status, 200)

    const next = createAuthority('The next')
    files.write(next.issue())
    await sidecar.says('the certificate was taken over')
    t.equal((await askSecurely(sidecar.api, path, { ca: next.ca })).status, 200)
    await t.rejects(askSecurely(sidecar.api, path, { ca }))
    t.equal(await scrape('sidekeep_tls_reload_total', { outcome: 'failed' }), 1)
    t.equal(await scrape('sidekeep_tls_reload_total', { outcome: 'applied' }), 1)
    t.ok(((await scrape('sidekeep_tls_handshake_failures_total')) ?? 0) >= 1)
  },
)

t.test(
  'other files take effect with a change of the configuration; another protocol wants a restart',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const [first, second] = [filesOf(t), new CertificateFiles(t, createAuthority('Other').issue())]
    const other = createAuthority('Yet another')
    second.write(other.issue())
    // A port of its own: at port 0 another listener would take over.
    const port = await freePort()
    const at = (tls?: object): object =>
      simpleConfig(backend.url, { api: { listen: `127.0.0.1:${port}`, ...(tls && { tls }) } })
    const { sidecar, change } = await startReloaded(t, at(first.files))
    t.equal((await askSecurely(sidecar.api, path, { ca })).status, 200)
    t.match(await change(at(second.files)), { options: ['api.tls'] })
    t.equal((await askSecurely(sidecar.api, path, { ca: other.ca })).status, 200)

    const missing = await change(at({ ...first.files, key: '/nowhere' }), failed)
    t.match(missing, { err: { message: /cannot be read \(ENOENT\)/ } })
    const refused = await change(at(), failed)
    t.match(refused, { err: { message: /Whether it speaks HTTPS.* changes with a restart/ } })
    const mutual = await change(at(second.mutual(ca)), failed)
    t.match(mutual, { err: { message: /asks for client certificates/ } })
    t.equal((await askSecurely(sidecar.api, path, { ca: other.ca })).status, 200, 'nothing has changed')
  },
)

t.test('where clients need a certificate, a token does not do without', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const clients = createAuthority('Of the clients')
  const config = simpleConfig(backend.url, {
    api: { listen: '127.0.0.1:0', callers, tls: filesOf(t).mutual(clients.ca) },
  })
  const sidecar = await startReadySidecar(t, { config, env })
  const client = clients.issue()
  t.equal((await askSecurely(sidecar.api, path, { ca, ...client, headers: bearer })).status, 200)
  t.equal(
    (await askSecurely(sidecar.api, path, { ca, ...client })).status,
    401,
    'nor a certificate without a token',
  )
  await t.rejects(askSecurely(sidecar.api, path, { ca, headers: bearer }))
  await eventually('nothing but the start in the log', () =>
    sidecar.log.every(({ level }) => level === 'info' || level === 'warn'),
  )
})
