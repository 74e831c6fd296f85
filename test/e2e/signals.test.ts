/** Signals other than those that everybody sends. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

t.test('SIGUSR1 opens no debugger, which would show all secrets to the whole pod', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const before = backend.requests.length
  sidecar.child.signal('SIGUSR1')
  await eventually('refreshes after the signal', () => backend.requests.length > before + 2)
  t.equal((await sidecar.ask('/v1/secrets/db-password?format=raw')).text, 'CANARY-db-password')
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' }, 'no "Debugger listening"')
})

t.test('SIGHUP stops in order, as SIGTERM does', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  sidecar.child.signal('SIGHUP')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.match(sidecar.logged('stopping'), [{ reason: 'SIGHUP' }])
  t.match(sidecar.log.at(-1), { msg: 'stopped' })
})
