/** On loopback what the API sends stays on this machine, and whoever is here notices nothing of it. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

for (const listen of ['127.0.0.1:0', '[::1]:0']) {
  t.test(`the hop limit is set at ${listen} without a word, and callers are answered`, async (t) => {
    const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
    const config = simpleConfig(backend.url, { api: { listen }, log: { level: 'debug' } })
    const sidecar = await startReadySidecar(t, { config })
    const answer = await fetch(`${sidecar.api}/v1/secrets/db-password?format=raw`, {
      headers: { 'x-sidekeep-request': 'true' },
    })
    t.equal(await answer.text(), 'CANARY-db-password')
    t.strictSame(sidecar.logged('the hop limit stays as it is'), [])
    sidecar.child.signal('SIGTERM')
    t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  })
}
