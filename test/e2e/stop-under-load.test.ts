import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { startLoad } from '../support/e2e-load.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

t.test('a stop under the load of 200 callers that keep their connections loses no request', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const { hostname: host, port } = new URL(sidecar.api)
  const target = {
    host,
    port: Number(port),
    path: '/v1/secrets/db-password?format=raw',
    body: 'CANARY-db-password',
  }
  const load = startLoad({ ...target, callers: 180, whenTold: 'leave' })
  const persistent = startLoad({ ...target, callers: 20, whenTold: 'return' })
  await eventually('a load', () => load.answered > 2_000 && persistent.answered > 200)
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  const before = load.answered
  await inTime('the end of the load', Promise.all([load.ended, persistent.ended]))
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.strictSame([...load.lost], [], 'nothing was reset, cut short or answered with another status')
  t.strictSame([...persistent.lost], [], 'nor for those who came back until there was nobody')
  t.ok(load.answered > before, 'it answered on while it stopped')
})
