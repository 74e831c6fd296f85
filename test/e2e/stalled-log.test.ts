/** A log that nobody reads, for a while or for ever, costs lines of the log and nothing else. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { sources } from '../support/process-child.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  token,
} from '../support/process-sidecar.ts'

/** Enough of them that what the log says of them at `trace` is more than a pipe, a socket and the sidecar hold. */
const names = Array.from({ length: 1200 }, (_, index) => `secret-${index}-${'n'.repeat(180)}`)

/** A sidecar that says more than a mebibyte before it is ready. */
async function talkative(t: Test, more: object = {}) {
  const secrets = names.map((name) => [name, 'CANARY-value'] as const)
  const backend = await startBackend(t, { token, secrets })
  const socket = join(folderOf(t), 'api.sock')
  const config = simpleConfig(backend.url, {
    api: { listen: `unix:${socket}` },
    log: { level: 'trace', format: 'json' },
    secrets: Object.fromEntries(
      names.map((name) => [name, { provider: 'platform', refresh: '1h', required: true }]),
    ),
    ...more,
  })
  const statusOf = async (path: string) =>
    (await ask(`unix:${socket}`, path, { headers: { host: 'localhost' } })).status
  return {
    args: ['--config', configFile(t, config)],
    env: { AUTH_TOKEN: token },
    statusOf,
    ready: () => eventually('readiness', async () => (await statusOf('/readyz')) === 200),
  }
}

/** A named pipe, as a container's runtime gives one, with an open end on which nothing is ever read. */
function fullPipe(t: Test): number {
  const path = join(folderOf(t), 'log')
  if (spawnSync('mkfifo', [path]).status !== 0) throw new Error('mkfifo failed')
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  t.teardown(() => {
    closeSync(reader)
    closeSync(writer)
  })
  return writer
}

/** Starts a sidecar whose log nobody reads, waits until the log must be full, and gives what ends the process. */
async function unread(t: Test, more: object = {}) {
  const guard = canaryGuard(t)
  const { args, env, statusOf, ready } = await talkative(t, more)
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [sources, 'run', ...args], {
    env: { PATH, ...env },
    stdio: ['ignore', fullPipe(t), 'pipe'],
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  guard.watchChild('the sidecar', child)
  await ready()
  return { child, statusOf, ended: () => inTime('the end of the process', exited, 4_000) }
}

t.test('while nobody reads the pipe of its log it serves, and ends in order', async (t) => {
  const { child, statusOf, ended } = await unread(t)
  t.equal(await statusOf('/livez'), 200)
  child.kill('SIGTERM')
  t.strictSame(await ended(), [0, null])
})

t.test('while nobody reads the pipe of its log a second signal ends it at once', async (t) => {
  const { child, statusOf, ended } = await unread(t, { shutdown: { linger: '20s' } })
  child.kill('SIGTERM')
  await eventually('that it drains', async () => (await statusOf('/readyz')) === 503)
  child.kill('SIGINT')
  t.strictSame(await ended(), [1, null])
})

t.test('when its log is read again it says how many lines were lost, and loses no more', async (t) => {
  const { args, env, ready } = await talkative(t)
  const sidecar = launchSidecar(t, args, { env })
  const { stdout } = sidecar.child.process
  stdout?.pause()
  t.teardown(() => stdout?.resume())
  await ready()
  stdout?.resume()
  const { level, dropped } = await sidecar.says('log lines were dropped')
  t.equal(level, 'error')
  t.ok(Number(dropped) > 0)
  t.match(sidecar.log[0], { msg: 'sidekeep started' }, 'what came before is whole')
  t.ok(sidecar.logged('secret loaded').length < names.length, 'lines are missing indeed')
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  t.match(sidecar.log.slice(-2), [{ msg: 'stopping' }, { msg: 'stopped' }])
  t.equal(sidecar.logged('log lines were dropped').length, 1, 'once')
})

t.test('a reader that goes away does not end it', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const config = simpleConfig(backend.url, { log: { level: 'trace' } })
  const sidecar = await startReadySidecar(t, { config })
  sidecar.child.process.stdout?.destroy()
  const before = backend.requests.length
  await eventually('refreshes, each of which is a line', () => backend.requests.length > before + 2)
  t.equal((await sidecar.ask('/livez')).status, 200)
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
})
