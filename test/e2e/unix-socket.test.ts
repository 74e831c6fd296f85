import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { ask } from '../support/e2e-http.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  token,
} from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

t.test(
  'a Unix socket serves as a port does, with the mode of the configuration, and is gone after a stop',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const path = join(folderOf(t), 'api.sock')
    const config = simpleConfig(backend.url, { api: { listen: `unix:${path}`, socketMode: '0600' } })
    const sidecar = await startReadySidecar(t, { config })
    t.equal(sidecar.api, `unix:${path}`)
    t.ok(lstatSync(path).isSocket())
    t.equal(lstatSync(path).mode & 0o777, 0o600)
    // As `curl --unix-socket` asks, with whatever host its URL has.
    const headers = { 'x-sidekeep-request': 'true', host: 'localhost' }
    const answer = await sidecar.ask('/v1/secrets/db-password?format=raw', { headers })
    t.equal(answer.status, 200)
    t.equal(answer.text, 'CANARY-db-password')

    sidecar.child.signal('SIGTERM')
    t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
    t.notOk(existsSync(path), 'the socket is gone')
  },
)

t.test('a socket that a killed sidecar left behind is replaced', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'api.sock')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${path}` } })
  const killed = await startReadySidecar(t, { config })
  killed.child.signal('SIGKILL')
  await killed.child.exited
  t.ok(lstatSync(path).isSocket(), 'it was left behind')

  const sidecar = await startReadySidecar(t, { config })
  t.equal((await sidecar.ask('/readyz')).status, 200)
  t.equal(lstatSync(path).mode & 0o777, 0o660, 'the mode without any configuration')
})

t.test('a socket that somebody listens on is left alone', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'api.sock')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${path}` } })
  const first = await startReadySidecar(t, { config })
  const second = launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await second.child.ended()
  t.equal(code, 1)
  t.match(stderr, `The listener "api" cannot listen on unix:${path}: something else listens there already`)
  t.equal((await ask(first.api, '/readyz')).status, 200, 'the first one is as it was')
})

t.test('a file that is no socket is never deleted', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'precious')
  writeFileSync(path, 'precious')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${path}` } })
  const sidecar = launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await sidecar.child.ended()
  t.equal(code, 1)
  t.match(stderr, `cannot listen on unix:${path}: a file that is no socket lies there`)
  t.match(stderr, 'api.listen')
  t.equal(readFileSync(path, 'utf8'), 'precious')
})

t.test('a folder that does not exist is named with what to do', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'missing', 'api.sock')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${path}` } })
  const sidecar = launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await sidecar.child.ended()
  t.equal(code, 1)
  t.match(stderr, 'the folder of the socket does not exist')
})
