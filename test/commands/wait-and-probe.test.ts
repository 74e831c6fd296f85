import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { run, startChild } from '../support/process-child.ts'
import { simpleConfig, startSidecar, token } from '../support/process-sidecar.ts'

t.test('wait and probe tell whether a sidecar is ready', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  await backend.stop()
  const sidecar = await startSidecar(t, { config: simpleConfig(backend.url) })
  const env = { SIDEKEEP_API: sidecar.api }

  await t.test('not in time: exit code 75, with what it waits for', async (t) => {
    const { code, stdout, stderr } = await run(t, ['wait', '--timeout', '200ms'], { env })
    t.match({ code, stdout }, { code: 75, stdout: '' })
    t.match(stderr, 'The sidecar was not ready within 200ms: ')
    t.match(stderr, '[-]required-secrets-held failed')
    t.match(stderr, '(SIDEKEEP_WAIT_TIMED_OUT)')
  })

  await t.test('a probe says no with exit code 1, and why', async (t) => {
    const [ready, named, started, live] = await Promise.all(
      [['probe'], ['probe', 'readyz'], ['probe', 'startupz'], ['probe', 'livez']].map((args) =>
        run(t, args, { env }),
      ),
    )
    t.match(ready, { code: 1, stdout: '', stderr: /^\[-\]required-secrets-held failed$/m })
    t.match(named, { code: 1, stdout: '', stderr: /readyz check failed/ })
    t.match(started, { code: 1, stdout: '', stderr: /startupz check failed/ })
    t.match(live, { code: 0, stdout: 'ok\n', stderr: '' })
  })

  await t.test('wait ends when the sidecar becomes ready', async (t) => {
    const waiting = startChild(t, ['wait', '--timeout', '30s'], { env })
    await backend.start()
    t.match(await waiting.ended(), { code: 0, stdout: '', stderr: '' })
    t.equal((await sidecar.ask('/readyz')).status, 200)
  })

  await t.test('and at once when it is', async (t) => {
    t.match(await run(t, ['wait', '--timeout', '10s'], { env }), { code: 0, stdout: '', stderr: '' })
    t.match(await run(t, ['probe'], { env }), { code: 0, stdout: 'ok\n', stderr: '' })
  })
})

t.test('wait outlasts a sidecar that does not answer yet, and says so', async (t) => {
  const { code, stderr } = await run(t, ['wait', '--timeout', '300ms', '--api', 'http://127.0.0.1:9'])
  t.equal(code, 75)
  t.match(stderr, 'not ready within 300ms: No sidecar answers at http://127.0.0.1:9')
})

t.test('a timeout and a probe that are none are refused', async (t) => {
  t.match(await run(t, ['wait', '--timeout', '60']), {
    code: 78,
    stderr: /--timeout 60: expected a duration such as 500ms or 60s/,
  })
  t.match(await run(t, ['probe', 'healthy']), {
    code: 78,
    stderr: /There is no probe "healthy"; expected one of livez, startupz, readyz/,
  })
})
