import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { takenPort } from '../support/e2e-taken-port.ts'
import { run } from '../support/process-child.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  startSidecar,
  token,
} from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

t.test(
  'a backend that is down at the start is no crash: alive, not ready, and ready once it is up',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    await backend.stop()
    const sidecar = await startSidecar(t, { config: simpleConfig(backend.url) })
    await sidecar.says('refresh failed')
    const [live, started, ready, secret] = await Promise.all(
      ['/livez', '/startupz', '/readyz', '/v1/secrets/db-password'].map((path) => sidecar.ask(path)),
    )
    t.equal(live?.status, 200)
    t.equal(started?.status, 503)
    t.equal(ready?.status, 503)
    t.match(ready?.text, '[-]required-secrets-held failed')
    t.match(secret?.json(), { status: 503, code: 'SIDEKEEP_SECRET_NOT_LOADED' })
    t.match(secret?.headers['retry-after'], /^[1-9]\d*$/)
    t.match(secret?.headers['content-type'], 'application/problem+json')
    const isReady = async () => metric((await sidecar.ask('/metrics')).text, 'sidekeep_ready')
    t.equal(await isReady(), 0, 'and the metrics say so')
    t.match(await sidecar.listed('db-password'), { state: 'not-loaded', version: null, required: true })

    await backend.start()
    await sidecar.says('ready: all required secrets are held')
    t.equal((await sidecar.ask('/readyz')).status, 200)
    t.equal(await isReady(), 1)
    t.equal((await sidecar.ask('/startupz')).status, 200)
    t.equal((await sidecar.ask('/v1/secrets/db-password')).json().value, 'CANARY-db-password')
  },
)

t.test('a wrong configuration ends it at once with all errors, before anything is opened', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const port = await takenPort(t)
  const file = configFile(
    t,
    `api: { listen: "127.0.0.1:${port}" }
providers:
  platform: { type: http, url: "${backend.url}", tokn: CANARY-token }
secrets:
  db-password: { provider: platfrom, refresh: 10 }
`,
  )
  const { code, stdout, stderr } = await run(t, ['run', '--config', file])
  t.equal(code, 78)
  t.equal(stdout, '')
  t.match(stderr, /sidekeep\.yaml:3:\d+ providers\.platform\.tokn: .*did you mean "token"\?/)
  t.match(stderr, /sidekeep\.yaml:5:\d+ secrets\.db-password\.provider: .*did you mean "platform"\?/)
  t.match(stderr, /sidekeep\.yaml:5:\d+ secrets\.db-password\.refresh: expected a duration/)
  t.notMatch(stderr, 'LISTEN_FAILED', 'the port was not even tried')
  t.equal(backend.requests.length, 0)
  canaryGuard(t).noLeak('the list of errors', stderr)
})

t.test('without any configuration it says where it looked', async (t) => {
  const { code, stderr } = await run(t, ['run'], { cwd: folderOf(t) })
  t.equal(code, 78)
  t.match(stderr, /\.\/sidekeep\.yaml.*SIDEKEEP_CONFIG.*SIDEKEEP_URL.*--config FILE/)
})

for (const listener of ['api', 'ops'] as const) {
  t.test(
    `a port of ${listener} that is taken ends it with the listener, the address and the remedy`,
    async (t) => {
      const backend = await startBackend(t, { token, secrets })
      const port = await takenPort(t)
      const sidecar = launchSidecar(
        t,
        [
          '--config',
          configFile(
            t,
            simpleConfig(backend.url, {
              api: { listen: '127.0.0.1:0' },
              // A linger is for callers that know of the sidecar, and here nobody does.
              shutdown: { linger: '15s', timeout: '20s' },
              [listener]: { listen: `127.0.0.1:${port}` },
            }),
          ),
        ],
        { env: { AUTH_TOKEN: token } },
      )
      const { code, stderr } = await sidecar.child.ended(8_000)
      t.equal(code, 1)
      t.match(stderr, `The listener "${listener}" cannot listen on http://127.0.0.1:${port}`)
      t.match(stderr, `something else listens there already (EADDRINUSE)`)
      t.match(stderr, `choose another address with ${listener}.listen`)
      t.match(stderr, '(SIDEKEEP_LISTEN_FAILED)')
      t.notMatch(stderr, /^\s+at /m, 'what the user can act on has no stack')
      t.strictSame(sidecar.log, [])
      t.equal(backend.requests.length, 0, 'and nothing was fetched')
    },
  )
}

t.test('the environment alone is enough for the simplest case', async (t) => {
  const backend = await startBackend(t, { token, secrets: [...secrets, ['other/one', 'CANARY-other']] })
  const sidecar = launchSidecar(t, [], {
    cwd: folderOf(t),
    env: {
      SIDEKEEP_URL: backend.url,
      AUTH_TOKEN: token,
      SIDEKEEP_LISTEN: '127.0.0.1:0',
      SIDEKEEP_REFRESH: '300ms',
    },
  })
  await sidecar.says('ready: all required secrets are held')
  t.match(sidecar.logged('sidekeep started'), [{ source: 'the environment' }])
  t.equal((await sidecar.ask('/v1/secrets/db-password?format=raw')).text, 'CANARY-db-password')
  t.equal((await sidecar.ask('/v1/secrets/other/one?format=raw')).text, 'CANARY-other')
  t.equal((await sidecar.ask('/v1/secrets/other%2Fone?format=raw')).text, 'CANARY-other')
})

t.test('the file that SIDEKEEP_CONFIG names is used, and what has no effect beside it is told', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const file = configFile(t, simpleConfig(backend.url))
  const sidecar = launchSidecar(t, [], {
    cwd: folderOf(t),
    env: { SIDEKEEP_CONFIG: file, SIDEKEEP_REFRESH: '1s', AUTH_TOKEN: token },
  })
  await sidecar.says('sidekeep started')
  t.match(sidecar.log[0], { level: 'warn', msg: /SIDEKEEP_REFRESH has no effect/ })
  t.match(sidecar.logged('sidekeep started'), [{ source: file }])
})

t.test('a token file that is replaced is used by the next fetch, without a restart', async (t) => {
  const backend = await startBackend(t, { token: 'CANARY-token-1', secrets })
  const folder = folderOf(t)
  const file = join(folder, 'token')
  writeFileSync(file, 'CANARY-token-1\n')
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, {
      providers: { platform: { type: 'http', url: backend.url, token: { file } } },
    }),
  })
  backend.token = 'CANARY-token-2'
  await sidecar.says('refresh failed')
  t.match(sidecar.logged('refresh failed'), [{ kind: 'denied' }])
  t.equal((await sidecar.ask('/v1/secrets/db-password')).status, 200, 'what is held is served')

  // As a mounted token is replaced: in one step.
  writeFileSync(`${file}.new`, 'CANARY-token-2\n')
  renameSync(`${file}.new`, file)
  await sidecar.says('refresh recovered')
  backend.secrets.set('db-password', { value: 'CANARY-db-password-2' })
  await eventually(
    'the next value',
    async () => (await sidecar.ask('/v1/secrets/db-password?format=raw')).text === 'CANARY-db-password-2',
  )
})

t.test('the start is logged with the effective configuration, and no credential', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, {
      providers: {
        platform: {
          type: 'http',
          url: `${backend.url}?key=CANARY-query`,
          token,
          headers: { 'X-Key': 'CANARY-key' },
        },
      },
    }),
  })
  t.match(sidecar.logged('sidekeep started'), [
    {
      level: 'info',
      version: /^\d+\.\d+\.\d+/,
      api: /^http:\/\/127\.0\.0\.1:[1-9]\d*$/,
      config: {
        api: { maxConnections: 1024 },
        secrets: { 'db-password': { provider: 'platform', refresh: '200ms', required: true } },
        shutdown: { timeout: '25s' },
      },
    },
  ])
})
