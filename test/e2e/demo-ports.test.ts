import { readdirSync } from 'node:fs'
import t from 'tap'
import { takenPort } from '../support/e2e-taken-port.ts'
import { startChild } from '../support/process-child.ts'
import { folderOf } from '../support/process-sidecar.ts'

const listeners = {
  port: 'api',
  'ops-port': 'ops',
  'provider-port': 'provider',
  'control-port': 'control',
} as const

for (const [option, listener] of Object.entries(listeners)) {
  t.test(`a taken port of ${listener} is told with --${option}, and nothing is left`, async (t) => {
    const taken = await takenPort(t)
    const temporary = folderOf(t)
    const args = Object.keys(listeners).flatMap((name) => [
      `--${name}`,
      name === option ? String(taken) : '0',
    ])
    const demo = startChild(t, ['demo', ...args], { env: { TMPDIR: temporary } })
    const { code, stdout, stderr } = await demo.ended()
    t.equal(code, 1)
    t.equal(stdout, '', 'no guide to what does not run')
    t.match(
      stderr,
      `The listener "${listener}" cannot listen on http://127.0.0.1:${taken}: something else listens there already (EADDRINUSE). Choose another port with --${option} PORT. (SIDEKEEP_LISTEN_FAILED)`,
    )
    t.strictSame(readdirSync(temporary), [])
  })
}

t.test('a port that is none is refused before anything is opened', async (t) => {
  // Would be told first if anything were opened before all ports are read.
  const taken = `--provider-port=${await takenPort(t)}`
  for (const port of ['http', '65536', '-1', '']) {
    const { code, stderr } = await startChild(t, ['demo', taken, `--ops-port=${port}`], {
      env: { TMPDIR: folderOf(t) },
    }).ended()
    t.equal(code, 78)
    t.match(stderr, `--ops-port ${port}: expected a port from 0 to 65535`)
  }
})
