/** What is wrong with a new configuration changes nothing, however wrong it is. */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { metric } from '../support/e2e-metrics.ts'
import { takenPort } from '../support/e2e-taken-port.ts'
import { run } from '../support/process-child.ts'
import { simpleConfig, token } from '../support/process-sidecar.ts'
import {
  applied,
  failed,
  invalid,
  servesValue,
  startReloaded,
  unchanged,
} from '../support/reloaded-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

t.test('an invalid file changes nothing and is told with the lines that check prints', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url)
  const reloaded = await startReloaded(t, config)
  const { sidecar, file, change, count } = reloaded
  const { text } = await sidecar.ask('/metrics')
  for (const outcome of ['applied', 'unchanged', 'invalid', 'failed']) {
    t.equal(
      metric(text, 'sidekeep_config_reload_total', { outcome }),
      0,
      `${outcome} is there from the start`,
    )
  }
  const started = metric(text, 'sidekeep_config_last_reload_success_timestamp_seconds') ?? 0
  t.ok(Math.abs(started - Date.now() / 1_000) < 60, 'the start is the first success')

  const wrong = `
api: { listen: 127.0.0.1:0, hots: [a.test] }
providers: { platform: { type: http, url: "${backend.url}", token: CANARY-literal, timeout: 1 } }
secrets: { db-password: { provider: platfrom } }
`
  const line = await change(wrong, invalid)
  t.equal(line.level, 'error')
  const check = await run(t, ['check', '--config', file])
  t.equal(check.code, 78)
  t.strictSame(
    line.problems,
    check.stderr
      .replace(/^sidekeep: /, '')
      .replace(/ \(SIDEKEEP_CONFIG_INVALID\)\n$/, '')
      .split('\n'),
  )
  t.equal((line.problems as string[]).length, 3)
  t.equal(await count('invalid'), 1)
  const after = (await sidecar.ask('/metrics')).text
  t.equal(metric(after, 'sidekeep_config_last_reload_success_timestamp_seconds'), started)
  t.equal((await sidecar.ask('/readyz')).status, 200)
  await servesValue(sidecar, 'db-password', 'CANARY-db-password')

  await change(config, unchanged)
  t.equal(await count('unchanged'), 1)
  const back = (await sidecar.ask('/metrics')).text
  t.ok((metric(back, 'sidekeep_config_last_reload_success_timestamp_seconds') ?? 0) > started)
})

t.test('an address that is taken leaves everything as it was, what else the file says too', async (t) => {
  const backend = await startBackend(t, { token, secrets: [...secrets, ['new', 'CANARY-new']] })
  const config = simpleConfig(backend.url)
  const { sidecar, change, count } = await startReloaded(t, config)
  const port = await takenPort(t)
  const next = simpleConfig(backend.url, {
    ops: { listen: `127.0.0.1:${port}` },
    log: { level: 'debug' },
    providers: { platform: { type: 'http', url: backend.url, token, timeout: '2s' } },
    secrets: { new: { provider: 'platform', refresh: '1s', maxStale: '1h' } },
  })
  const line = await change(next, failed)
  t.match(line, { level: 'error', err: { code: 'SIDEKEEP_LISTEN_FAILED', message: /"ops".*EADDRINUSE/ } })
  t.equal(await count('failed'), 1)
  t.equal((await sidecar.ask('/v1/secrets/new')).status, 404)
  await servesValue(sidecar, 'db-password', 'CANARY-db-password')
  t.equal(sidecar.log.filter(({ level }) => level === 'debug').length, 0)

  // SIGHUP tries the same file again.
  sidecar.child.signal('SIGHUP')
  await sidecar.says(failed, 2)
  await change(config, unchanged)
})

t.test('an address that the sidecar itself is leaving cannot be taken at once, and it says so', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(
    t,
    simpleConfig(backend.url, { ops: { listen: '127.0.0.1:0' } }),
  )
  const port = new URL(sidecar.ops).port
  const line = await change(simpleConfig(backend.url, { api: { listen: `127.0.0.1:${port}` } }), failed)
  t.match(line.err, { message: /the sidecar itself listens there.*ops\.listen.*restart the sidecar/s })
})

// How many reloads they cost at the most is told on a virtual clock, in test/reload/reloader.test.ts.
t.test('through a storm of signals and a file that never rests, callers are served', async (t) => {
  const backend = await startBackend(t, { token, secrets: [...secrets, ['last', 'CANARY-last']] })
  const config = simpleConfig(backend.url)
  const { sidecar, file, change } = await startReloaded(t, config)
  for (let count = 0; count < 1_000; count += 1) sidecar.child.signal('SIGHUP')
  await sidecar.says(unchanged)
  for (let at = 0; at < 100; at += 1) {
    const text = JSON.stringify({ ...config, cache: { maxEntries: at + 1 } })
    writeFileSync(file, at % 3 === 0 ? 'half written: [' : text)
    t.equal((await sidecar.ask('/readyz')).status, 200)
  }
  const rule = { provider: 'platform', refresh: '1m', maxStale: '1h' }
  await change(simpleConfig(backend.url, { secrets: { 'db-password': rule, last: rule } }))
  await servesValue(sidecar, 'last', 'CANARY-last')
  await servesValue(sidecar, 'db-password', 'CANARY-db-password')
})

t.test('a stop goes before a change, and a change does not hold it up', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, file } = await startReloaded(t, simpleConfig(backend.url, { shutdown: { linger: '1s' } }))
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  writeFileSync(
    file,
    JSON.stringify(simpleConfig(backend.url, { api: { listen: '127.0.0.1:0', access: 'open' } })),
  )
  sidecar.child.signal('SIGHUP')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.match(sidecar.log.at(-1), { msg: 'stopped' })
  t.equal(sidecar.logged(applied).length, 0)
})
