/** What is shipped, alone in a folder, against a real HTTPS backend that goes down, comes back and rotates. */
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { createAuthority } from '../support/certificates.ts'
import { buildBundle } from '../support/e2e-bundle.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { metric } from '../support/e2e-metrics.ts'
import { run } from '../support/process-child.ts'
import { startReadySidecar, token } from '../support/process-sidecar.ts'

const { folder, entry } = buildBundle(t)

t.test('the bundle keeps secrets of an HTTPS backend through its outage and its rotations', async (t) => {
  const authority = createAuthority()
  const backend = await startBackend(t, {
    tls: authority.issue(),
    token,
    secrets: [
      ['db-password', { value: 'CANARY-db-password-1', version: '1' }],
      ['stripe-live', { value: { key: 'CANARY-stripe', account: 'CANARY-account' } }],
      ['shared-note', 'CANARY-note'],
    ],
  })
  writeFileSync(join(folder, 'ca.pem'), authority.ca)
  const sidecar = await startReadySidecar(t, {
    entry,
    cwd: folder,
    config: {
      api: { listen: '127.0.0.1:0' },
      ops: { listen: '127.0.0.1:0' },
      providers: {
        platform: {
          type: 'http',
          url: backend.url,
          token: { env: 'AUTH_TOKEN' },
          ca: { file: 'ca.pem' },
          timeout: '2s',
        },
      },
      secrets: {
        'db-password': { provider: 'platform', refresh: '500ms', maxStale: '2s', required: true },
        'api-key': {
          provider: 'platform',
          key: 'stripe-live',
          field: 'key',
          refresh: '500ms',
          maxStale: '1h',
        },
        'shared/*': { provider: 'platform', key: 'shared-*', refresh: '500ms', maxStale: '1h' },
      },
    },
  })
  const read = (name: string) => sidecar.ask(`/v1/secrets/${name}`)
  const metrics = async (name: string, labels: Record<string, string> = {}) =>
    metric((await sidecar.ask('/metrics')).text, name, labels)
  const isUp = () => metrics('sidekeep_provider_up', { provider: 'platform' })
  const isIn = (secret: string, state: string) => metrics('sidekeep_secret_state', { secret, state })

  await t.test('what the backend has is served, and only what a rule names', async (t) => {
    const answer = await read('db-password')
    t.equal(answer.status, 200)
    t.match(answer.json(), {
      name: 'db-password',
      value: 'CANARY-db-password-1',
      version: '1',
      state: 'fresh',
    })
    t.match(answer.headers, {
      etag: /^"/,
      age: /^\d+$/,
      'cache-control': 'no-store',
      'sidekeep-version': '1',
      'sidekeep-state': /^(fresh|stale)$/,
      'x-content-type-options': 'nosniff',
    })
    t.equal((await sidecar.ask('/v1/secrets/api-key?format=raw')).text, 'CANARY-stripe')
    t.equal((await sidecar.ask('/v1/secrets/shared/note?format=raw')).text, 'CANARY-note')
    t.match((await read('stripe-live')).json(), { status: 404, code: 'SIDEKEEP_SECRET_NOT_FOUND' })
    t.equal((await sidecar.ask('/readyz')).status, 200)
    t.equal(await isUp(), 1)
    await eventually('the metric of the state', async () => (await isIn('db-password', 'fresh')) === 1)
  })

  await t.test('a rotation brings the new value, its version and one count', async (t) => {
    backend.secrets.set('db-password', { value: 'CANARY-db-password-2', version: '2' })
    const rotated = await eventually('the rotated value', async () => {
      const answer = await read('db-password')
      return answer.json().value === 'CANARY-db-password-2' && answer
    })
    t.equal(rotated.headers['sidekeep-version'], '2')
    t.equal(await metrics('sidekeep_secret_rotations_total', { secret: 'db-password' }), 1)
    t.match(await sidecar.says('secret rotated'), {
      level: 'info',
      secret: 'db-password',
      provider: 'platform',
      version: '2',
      previousVersion: '1',
    })
  })

  await t.test(
    'while the backend is down, values are stale, then expired where maxStale is short',
    async (t) => {
      await backend.stop()
      await eventually('db-password is stale', async () => {
        const { status, headers } = await read('db-password')
        return status === 200 && headers['sidekeep-state'] === 'stale'
      })
      t.equal((await sidecar.ask('/readyz')).status, 200, 'stale is still ready')
      t.equal(await isUp(), 0)
      t.equal(await isIn('db-password', 'stale'), 1)
      t.match(await sidecar.says('refresh failed'), {
        level: 'warn',
        provider: 'platform',
        kind: 'unavailable',
        reason: 'refused',
        attempt: Number,
        nextTryMs: Number,
      })

      const expired = await eventually('db-password is expired', async () => {
        const answer = await read('db-password')
        return answer.status === 503 && answer
      })
      t.equal(expired.json().code, 'SIDEKEEP_SECRET_EXPIRED')
      t.match(expired.headers['retry-after'], /^[1-9]\d*$/)
      t.equal((await sidecar.ask('/readyz')).status, 503)
      t.equal(
        (await sidecar.ask('/livez')).status,
        200,
        'an outage of the backend is no reason to be restarted',
      )
      t.equal((await sidecar.ask('/startupz')).status, 200, 'it had started')
      t.equal(await isIn('db-password', 'expired'), 1)
      const other = await sidecar.ask('/v1/secrets/api-key?format=raw')
      t.match({ status: other.status, text: other.text }, { status: 200, text: 'CANARY-stripe' })
      t.equal(other.headers['sidekeep-state'], 'stale')
    },
  )

  await t.test('when the backend is back, all is fresh again by itself', async (t) => {
    backend.secrets.set('db-password', { value: 'CANARY-db-password-3', version: '3' })
    await backend.start()
    await eventually(
      'db-password is fresh',
      async () => (await read('db-password')).headers['sidekeep-state'] === 'fresh',
    )
    t.match((await read('db-password')).json(), {
      value: 'CANARY-db-password-3',
      version: '3',
      state: 'fresh',
    })
    await eventually('ready', async () => (await sidecar.ask('/readyz')).status === 200)
    await eventually('api-key is fresh', async () => (await sidecar.listed('api-key'))?.state === 'fresh')
    t.equal(await isUp(), 1)
    await eventually('the metric of the state', async () => (await isIn('db-password', 'fresh')) === 1)
    t.match(await sidecar.says('refresh recovered'), {
      level: 'info',
      provider: 'platform',
      attempts: Number,
    })
  })

  await t.test('a backend that denies is logged and counted, and what is held is served', async (t) => {
    backend.token = 'CANARY-another-token'
    await eventually('the failure', () =>
      sidecar.logged('refresh failed').some((line) => line.kind === 'denied'),
    )
    t.equal((await sidecar.ask('/v1/secrets/api-key')).status, 200)
    t.ok(await metrics('sidekeep_refresh_total', { provider: 'platform', outcome: 'denied' }))
    backend.token = token
    await sidecar.says('refresh recovered', 2)
  })

  await t.test('a secret that is deleted at the backend is gone at once', async (t) => {
    backend.secrets.delete('stripe-live')
    await eventually('api-key is missing', async () => (await read('api-key')).status === 404)
    t.equal((await read('api-key')).json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
    t.match(await sidecar.says('secret is missing'), { level: 'warn', secret: 'api-key' })
  })

  await t.test('ops answers health and metrics and knows no secret', async (t) => {
    const paths = ['/livez', '/readyz?verbose', '/startupz?verbose', '/healthz']
    const health = await Promise.all(paths.map((path) => ask(sidecar.ops, path, { headers: {} })))
    for (const { status, text } of health) {
      t.equal(status, 200)
      t.notMatch(text, /db-password|api-key|shared/)
    }
  })

  await t.test('it stops in order, and its log is the story of all this and no more', async (t) => {
    sidecar.child.signal('SIGTERM')
    t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
    const { log, story } = sidecar
    t.strictSame(story.slice(0, 3), [
      'sidekeep started',
      'ready: all required secrets are held',
      'secret rotated',
    ])
    t.strictSame(story.slice(-2), ['stopping', 'stopped'])
    t.strictSame([...new Set(story)].sort(), [
      'circuit breaker is closed',
      'circuit breaker is open',
      'ready: all required secrets are held',
      'refresh failed',
      'refresh recovered',
      'secret is expired',
      'secret is fresh',
      'secret is missing',
      'secret is stale',
      'secret rotated',
      'sidekeep started',
      'stopped',
      'stopping',
    ])
    const states = log.filter(({ msg, secret }) => msg.startsWith('secret is') && secret === 'db-password')
    const expiry = states.findIndex(({ to }) => to === 'expired')
    t.strictSame(
      states.slice(expiry - 1, expiry + 2).map(({ from, to, level }) => `${level}: ${from} to ${to}`),
      ['warn: fresh to stale', 'error: stale to expired', 'info: expired to fresh'],
    )
  })
})

t.test('the bundle runs its commands alone', async (t) => {
  t.notOk(existsSync(join(dirname(folder), 'node_modules')), 'no node_modules helps it')
  const results = await Promise.all(
    [['version'], ['--help'], ['schema'], ['check', '--config', 'nowhere.yaml']].map((args) =>
      run(t, args, { entry, cwd: folder }),
    ),
  )
  t.strictSame(
    results.map(({ code }) => code),
    [0, 0, 0, 78],
  )
})
