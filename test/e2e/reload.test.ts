/** Changes of the configuration while the sidecar runs: secrets and providers. */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { folderOf, launchSidecar, simpleConfig, token } from '../support/process-sidecar.ts'
import { applied, ready, servesValue, startReloaded, unchanged } from '../support/reloaded-sidecar.ts'

const secrets = [
  ['db-password', 'CANARY-db-password'],
  ['api-key', 'CANARY-api-key'],
] as const

const rule = { provider: 'platform', refresh: '200ms', maxStale: '1h' }

t.test('secrets come, go and are timed anew when the file changes', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change, count } = await startReloaded(t, simpleConfig(backend.url))
  t.equal((await sidecar.ask('/v1/secrets/api-key')).status, 404)

  const line = await change(
    simpleConfig(backend.url, {
      secrets: { 'db-password': { ...rule, required: true, maxStale: '2h' }, 'api-key': rule },
    }),
  )
  t.match(line, { level: 'info', secrets: { added: ['api-key'], changed: ['db-password'] } })
  await servesValue(sidecar, 'api-key', 'CANARY-api-key')
  const { text } = await sidecar.ask('/metrics')
  t.not(metric(text, 'sidekeep_secret_state', { secret: 'api-key', state: 'fresh' }), undefined)
  const expiry = metric(text, 'sidekeep_secret_expiry_timestamp_seconds', { secret: 'db-password' })
  t.ok((expiry ?? 0) > Date.now() / 1_000 + 3_600, 'it is timed anew: 1 h has become 2 h')

  t.match(await change(simpleConfig(backend.url, { secrets: { 'api-key': rule } })), {
    secrets: { removed: ['db-password'] },
  })
  t.match((await sidecar.ask('/v1/secrets/db-password')).json(), { code: 'SIDEKEEP_SECRET_NOT_FOUND' })
  t.match(sidecar.logged('secret removed from the configuration'), [
    { level: 'info', secret: 'db-password', from: 'fresh' },
  ])
  t.strictSame(sidecar.logged('secret is missing'), [], 'the provider has it as before')
  await servesValue(sidecar, 'api-key', 'CANARY-api-key')
  const after = (await sidecar.ask('/metrics')).text
  t.equal(metric(after, 'sidekeep_secret_state', { secret: 'db-password', state: 'fresh' }), undefined)
  t.equal(await count('applied'), 2)
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('a provider that moved is asked at the new place, and what is held is served meanwhile', async (t) => {
  const former = await startBackend(t, { token, secrets })
  const next = await startBackend(t, { token, secrets: [['db-password', 'CANARY-from-the-new-place']] })
  await next.stop()
  const { sidecar, change } = await startReloaded(t, simpleConfig(former.url))
  const line = await change(simpleConfig(next.url))
  t.match(line.providers, { changed: ['platform'] })
  const asked = former.requests.length
  await sidecar.says('refresh failed')
  await servesValue(sidecar, 'db-password', 'CANARY-db-password')
  t.equal(
    (await sidecar.ask('/readyz')).status,
    200,
    'a place that does not answer takes nobody out of service',
  )
  t.ok(former.requests.length <= asked + 1, 'the former place is asked no more')

  await next.start()
  await servesValue(sidecar, 'db-password', 'CANARY-from-the-new-place')
  await eventually('the connections to the former place to end', () => former.sockets.size === 0)
})

t.test('a provider that hangs can be replaced, and the call to it is given up in silence', async (t) => {
  const former = await startBackend(t, { token, secrets })
  const next = await startBackend(t, { token, secrets })
  // Longer than anything here takes: a call that times out would be told of, and rightly.
  const at = (url: string): object =>
    simpleConfig(former.url, {
      providers: { platform: { type: 'http', url, token: { env: 'AUTH_TOKEN' }, timeout: '1m' } },
    })
  const { sidecar, change } = await startReloaded(t, at(former.url))
  former.handler = () => {}
  const before = former.requests.length
  await eventually('a call that hangs', () => former.requests.length > before)
  next.secrets.set('db-password', { value: 'CANARY-from-the-new-place' })
  await change(at(next.url))
  await servesValue(sidecar, 'db-password', 'CANARY-from-the-new-place')
  t.strictSame(sidecar.logged('refresh failed'), [])
  t.strictSame(sidecar.logged('provider did not close in order'), [])
})

t.test(
  'a provider that is removed leaves with its metrics, and what is unchanged is not touched',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const providers = {
      platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } },
      variables: { type: 'env', prefix: 'APP_' },
    }
    const both = simpleConfig(backend.url, {
      providers,
      secrets: {
        'db-password': { ...rule, required: true },
        variable: { provider: 'variables', key: 'SECRET', refresh: '200ms' },
      },
    })
    const { sidecar, change } = await startReloaded(t, both, { APP_SECRET: 'CANARY-variable' })
    await servesValue(sidecar, 'variable', 'CANARY-variable')
    const { text } = await sidecar.ask('/metrics')
    const calls = metric(text, 'sidekeep_refresh_total', { provider: 'platform', outcome: 'ok' })
    const [socket] = backend.sockets
    await change(
      simpleConfig(backend.url, {
        providers: { platform: providers.platform },
        secrets: { 'db-password': { ...rule, required: true } },
      }),
    )
    t.equal((await sidecar.ask('/v1/secrets/variable')).status, 404)
    const after = (await sidecar.ask('/metrics')).text
    t.equal(metric(after, 'sidekeep_provider_up', { provider: 'variables' }), undefined)
    t.equal(metric(after, 'sidekeep_refresh_total', { provider: 'variables', outcome: 'ok' }), undefined)
    t.equal(metric(after, 'sidekeep_refresh_total', { provider: 'platform', outcome: 'ok' }), calls)
    t.ok(socket !== undefined && backend.sockets.has(socket), 'the connection to the other one is the same')
  },
)

t.test('a newly required secret that cannot be had leaves a ready sidecar in service', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const required = { ...rule, required: true }
  await change(simpleConfig(backend.url, { secrets: { 'db-password': required, absent: required } }))
  await eventually(
    'an answer of the provider',
    async () => (await sidecar.listed('absent'))?.state === 'missing',
  )
  t.equal((await sidecar.ask('/readyz')).status, 200)
  backend.secrets.set('absent', { value: 'CANARY-there-at-last' })
  await servesValue(sidecar, 'absent', 'CANARY-there-at-last')
})

t.test('a sidecar that waits in vain becomes ready when its configuration is mended', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const file = join(folderOf(t), 'sidekeep.yaml')
  writeFileSync(
    file,
    JSON.stringify(simpleConfig(backend.url, { secrets: { 'db-pasword': { ...rule, required: true } } })),
  )
  const sidecar = launchSidecar(t, ['--config', file], { env: { AUTH_TOKEN: token } })
  await sidecar.says('sidekeep started')
  await eventually('the first answer', async () => (await sidecar.listed('db-pasword'))?.state === 'missing')
  t.equal((await sidecar.ask('/readyz')).status, 503)
  writeFileSync(file, JSON.stringify(simpleConfig(backend.url)))
  await sidecar.says(ready)
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('a ConfigMap that is replaced is noticed, as the kubelet does it', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const volume = folderOf(t)
  const write = (version: string, config: object): void => {
    mkdirSync(join(volume, version))
    writeFileSync(join(volume, version, 'sidekeep.yaml'), JSON.stringify(config))
  }
  write('..2026_01', simpleConfig(backend.url, { reload: { poll: '1h' } }))
  symlinkSync('..2026_01', join(volume, '..data'))
  symlinkSync('..data/sidekeep.yaml', join(volume, 'sidekeep.yaml'))
  const sidecar = launchSidecar(t, ['--config', join(volume, 'sidekeep.yaml')], {
    env: { AUTH_TOKEN: token },
  })
  await sidecar.says(ready)

  const swap = (version: string, config: object): void => {
    const former = readlinkSync(join(volume, '..data'))
    write(version, config)
    symlinkSync(version, join(volume, '..data_tmp'))
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
    rmSync(join(volume, former), { recursive: true })
  }
  const more = { reload: { poll: '1h' }, secrets: { 'api-key': rule } }
  swap('..2026_02', simpleConfig(backend.url, more))
  await sidecar.says(applied)
  await servesValue(sidecar, 'api-key', 'CANARY-api-key')
  swap('..2026_03', simpleConfig(backend.url, { ...more, secrets: { 'db-password': rule } }))
  await sidecar.says(applied, 2)
  await servesValue(sidecar, 'db-password', 'CANARY-db-password')
  t.strictSame(sidecar.logged('the configuration is invalid: nothing has changed'), [])
})

t.test('without a watch only SIGHUP applies a change', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const reload = { watch: false }
  const { sidecar, file } = await startReloaded(t, simpleConfig(backend.url, { reload }))
  writeFileSync(file, JSON.stringify(simpleConfig(backend.url, { reload, secrets: { 'api-key': rule } })))
  const before = backend.requests.length
  await eventually('refreshes', () => backend.requests.length > before + 3)
  t.strictSame(sidecar.logged(applied), [])
  sidecar.child.signal('SIGHUP')
  await sidecar.says(applied)
  await servesValue(sidecar, 'api-key', 'CANARY-api-key')
  // The watch itself can be switched on while the sidecar runs.
  writeFileSync(file, JSON.stringify(simpleConfig(backend.url, { reload: { poll: '1h' } })))
  sidecar.child.signal('SIGHUP')
  await sidecar.says(applied, 2)
  writeFileSync(file, JSON.stringify(simpleConfig(backend.url, { reload: { poll: '100ms' } })))
  await sidecar.says(applied, 3)
  writeFileSync(file, `${JSON.stringify(simpleConfig(backend.url, { reload: { poll: '100ms' } }))}\n`)
  await sidecar.says(unchanged)
})
