import { chmodSync, existsSync, lstatSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
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
import { failed, startReloaded } from '../support/reloaded-sidecar.ts'

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

t.test('a folder that is missing is made for those who may connect; one above it is not', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const folder = join(folderOf(t), 'made')
  const config = simpleConfig(backend.url, { api: { listen: `unix:${join(folder, 'api.sock')}` } })
  const sidecar = await startReadySidecar(t, { config })
  t.equal(lstatSync(folder).mode & 0o777, 0o710, 'the group passes through, nobody but us writes')
  t.equal((await sidecar.ask('/readyz')).status, 200)

  const nowhere = join(folderOf(t), 'not', 'there', 'api.sock')
  const lost = launchSidecar(
    t,
    ['--config', configFile(t, simpleConfig(backend.url, { api: { listen: `unix:${nowhere}` } }))],
    { env: { AUTH_TOKEN: token } },
  )
  const { code, stderr } = await lost.child.ended()
  t.equal(code, 1)
  t.match(stderr, 'the folder of the socket does not exist, nor does the one above it')
})

t.test('a socket has the group of the configuration, and who is unknown is named', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'api.sock')
  // Who is not root can give it to itself only.
  const [uid, gid] = process.getuid?.() === 0 ? [65_532, 65_533] : [process.getuid?.(), process.getgid?.()]
  const config = simpleConfig(backend.url, {
    api: { listen: `unix:${path}`, socketMode: '0620', socketOwner: String(uid), socketGroup: String(gid) },
  })
  await startReadySidecar(t, { config })
  const { mode, ...owner } = lstatSync(path)
  t.equal(mode & 0o777, 0o620)
  t.match(owner, { uid, gid })

  const unknown = simpleConfig(backend.url, {
    api: { listen: `unix:${join(folderOf(t), 's')}`, socketGroup: 'no-such-group' },
  })
  const refused = launchSidecar(t, ['--config', configFile(t, unknown)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await refused.child.ended()
  t.equal(code, 1)
  t.match(stderr, /there is no group no-such-group here. Name one of \/etc\/group.*api\.socketGroup/)
})

t.test('owner and group change while the socket is open; who is unknown changes nothing', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'api.sock')
  const given = (api: object): object =>
    simpleConfig(backend.url, { api: { listen: `unix:${path}`, ...api } })
  const { sidecar, change } = await startReloaded(t, given({}))
  const before = lstatSync(path)
  // Who is not root can give it to itself only.
  const [uid, gid] = process.getuid?.() === 0 ? [65_532, 65_533] : [before.uid, before.gid]
  await change(given({ socketOwner: String(uid), socketGroup: String(gid), socketMode: '0600' }))
  t.match(lstatSync(path), { uid, gid, ino: before.ino })
  t.equal(lstatSync(path).mode & 0o777, 0o600)
  const line = await change(given({ socketOwner: 'no-such-user' }), failed)
  t.match(line, { err: { message: /there is no user no-such-user here/ } })
  t.match(lstatSync(path), { uid, gid })
  await change(given({}))
  t.match(lstatSync(path), { uid: before.uid, gid: before.gid, mode: before.mode })
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test(
  'a folder that everybody may write to is refused, or told where the configuration allows it',
  async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const folder = folderOf(t)
    chmodSync(folder, 0o777)
    const listen = `unix:${join(folder, 'api.sock')}`
    const refused = launchSidecar(
      t,
      ['--config', configFile(t, simpleConfig(backend.url, { api: { listen } }))],
      {
        env: { AUTH_TOKEN: token },
      },
    )
    const { code, stderr } = await refused.child.ended()
    t.equal(code, 1)
    t.match(stderr, 'everybody may create or replace files')
    t.match(stderr, 'api.allowSharedDirectory: true')
    t.notOk(existsSync(join(folder, 'api.sock')))

    const config = simpleConfig(backend.url, { api: { listen, allowSharedDirectory: true } })
    const sidecar = await startReadySidecar(t, { config })
    t.match(
      sidecar.log.find(({ level }) => level === 'warn'),
      { listener: 'api', msg: /mount it readOnly in all other containers/i },
    )
  },
)

t.test('what somebody else put at the path meanwhile stays when the sidecar stops', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const path = join(folderOf(t), 'api.sock')
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, { api: { listen: `unix:${path}` } }),
  })
  unlinkSync(path)
  writeFileSync(path, 'of somebody else')
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  t.equal(readFileSync(path, 'utf8'), 'of somebody else')
})
