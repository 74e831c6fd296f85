/** Signals other than those that everybody sends. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { startChild } from '../support/process-child.ts'
import {
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  startSidecar,
  token,
} from '../support/process-sidecar.ts'

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

t.test('SIGHUP reads the configuration again and stops nothing', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  sidecar.child.signal('SIGHUP')
  await sidecar.says('the configuration is the one in force already')
  t.equal((await sidecar.ask('/v1/secrets/db-password?format=raw')).text, 'CANARY-db-password')
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.match(sidecar.logged('stopping'), [{ reason: 'SIGTERM' }])
})

t.test('SIGHUP says so where the configuration comes from the environment alone', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const env = { SIDEKEEP_URL: backend.url, AUTH_TOKEN: token, SIDEKEEP_LISTEN: '127.0.0.1:0' }
  const sidecar = launchSidecar(t, [], { env, cwd: folderOf(t) })
  await sidecar.says('ready: all required secrets are held')
  sidecar.child.signal('SIGHUP')
  const line = await sidecar.says(
    'the configuration does not come from a file that can be read again: nothing to reload',
  )
  t.equal(line.source, 'the environment')
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('SIGHUP during the start is not lost and ends nothing', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const preload = join(folderOf(t), 'preload.mjs')
  // The earliest moment that the program can know of: somebody has just begun to listen for the signal.
  writeFileSync(
    preload,
    `process.on('newListener', (event) => {
      if (event === 'SIGHUP') process.nextTick(() => process.kill(process.pid, 'SIGHUP'))
    })`,
  )
  const sidecar = await startSidecar(t, {
    config: simpleConfig(backend.url),
    nodeArgs: ['--import', preload],
  })
  await sidecar.says('the configuration is the one in force already')
  await sidecar.says('ready: all required secrets are held')
})

t.test('the demo ends on SIGHUP: its terminal is gone', async (t) => {
  const ports = ['--port', '0', '--ops-port', '0', '--provider-port', '0', '--control-port', '0']
  const demo = startChild(t, ['demo', ...ports], { env: { TMPDIR: folderOf(t) } })
  await eventually('the demo to be ready', () => demo.stdout.includes('ready: all required secrets'))
  demo.signal('SIGHUP')
  t.match(await demo.ended(), { code: 0, signal: null, stderr: '' })
})
