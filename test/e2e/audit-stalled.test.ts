/** An audit on standard output that nobody reads for a while: what does not fit is counted, and told when somebody reads again. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { value } from '../support/e2e-audit.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

/** As long in a line as a name can be. */
const name = '%01'.repeat(256)

t.test('no line is dropped without being counted', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', value]] })
  const config = simpleConfig(backend.url, { audit: { stdout: true } })
  const sidecar = await startReadySidecar(t, { config })
  const count = async (outcome: string): Promise<number> => {
    const { text } = await sidecar.ask('/metrics')
    return metric(text, 'sidekeep_audit_lines_total', { outcome }) ?? 0
  }
  sidecar.child.process.stdout?.pause()
  let asked = 0
  await eventually(
    'a line that is lost',
    async () => {
      await Promise.all(Array.from({ length: 100 }, () => sidecar.ask(`/v1/secrets/${name}`)))
      asked += 100
      return (await count('lost')) > 0
    },
    30_000,
  )
  const lost = await count('lost')
  sidecar.child.process.stdout?.resume()
  await eventually('the rest', async () => (await count('written')) + lost === asked)
  const audited = (): Record<string, unknown>[] => sidecar.log.filter((line) => line.type === 'audit')
  await eventually('the line that says so', () => audited().some(({ action }) => action === 'lost'))
  t.equal(audited().filter(({ action }) => action === 'read').length + lost, asked)
  t.match(
    audited().find(({ action }) => action === 'lost'),
    { lost },
  )
})
