import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { ListenerPlace } from '../../src/listener/open.ts'
import { openListener } from '../../src/listener/open.ts'
import { listenOnSocket } from '../../src/listener/unix-socket.ts'
import { ask } from '../support/e2e-http.ts'
import { folderOf } from '../support/process-sidecar.ts'

const ours = { mode: 0o660, uid: undefined, gid: undefined }

function appOf(t: Test, name = 'ours'): FastifyInstance {
  const app = Fastify()
  app.get('/', () => name)
  t.teardown(() => app.close())
  return app
}

const log = { warn: () => {}, debug: () => {} }

function placeAt(path: string, more: Partial<NonNullable<ListenerPlace['socket']>> = {}): ListenerPlace {
  return {
    name: 'api',
    listen: { kind: 'unix', path },
    socket: { mode: 0o660, owner: undefined, group: undefined, sharedFolder: false, ...more },
  }
}

/** Another program that listens at a path. */
async function stranger(t: Test, path: string): Promise<void> {
  const server = createServer((socket) => socket.on('error', () => {}).end('stranger'))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
}

t.test('when it appears at its path its mode is right, and nothing else is left in the folder', async (t) => {
  const folder = folderOf(t)
  const path = join(folder, 'api.sock')
  const modes: number[] = []
  const watcher = watch(folder, (_event, name) => {
    const found = lstatSync(join(folder, String(name)), { throwIfNoEntry: false })
    if (name === basename(path) && found !== undefined) modes.push(found.mode & 0o777)
  })
  t.teardown(() => watcher.close())
  await listenOnSocket(appOf(t), path, { ...ours, mode: 0o620 })
  t.equal((await ask(`unix:${path}`, '/')).text, 'ours')
  t.strictSame(readdirSync(folder), ['api.sock'])
  t.ok(modes.every((mode) => mode === 0o620))
})

t.test('the umask of the process is not touched', async (t) => {
  const before = process.umask()
  const opening = listenOnSocket(appOf(t), join(folderOf(t), 'api.sock'), ours)
  const beside = join(folderOf(t), 'beside')
  writeFileSync(beside, '')
  t.equal(lstatSync(beside).mode & 0o777, 0o666 & ~before)
  await opening
  t.equal(process.umask(), before)
})

t.test('a link at the path is neither followed nor removed', async (t) => {
  const [target, link] = [join(folderOf(t), 'target'), join(folderOf(t), 'api.sock')]
  writeFileSync(target, 'precious')
  for (const to of [target, join(folderOf(t), 'nowhere')]) {
    symlinkSync(to, link)
    const app = appOf(t)
    await t.rejects(openListener(app, placeAt(link), log), { message: /a file that is no socket lies there/ })
    t.ok(lstatSync(link).isSymbolicLink())
    await app.close()
    t.ok(lstatSync(link).isSymbolicLink(), 'after the end too')
    unlinkSync(link)
  }
  t.equal(readFileSync(target, 'utf8'), 'precious')
})

t.test('a socket that somebody answers on stays, one that nobody does is replaced', async (t) => {
  const path = join(folderOf(t), 'api.sock')
  await stranger(t, path)
  const inode = lstatSync(path).ino
  await t.rejects(openListener(appOf(t), placeAt(path), log), {
    message: /something else listens there already/,
  })
  t.equal(lstatSync(path).ino, inode)

  // Renamed, it is left behind when its server ends, as by a process that was killed.
  const [dead, left] = [join(folderOf(t), 'dead'), join(folderOf(t), 'left')]
  const server = createServer()
  server.listen(dead)
  await once(server, 'listening')
  renameSync(dead, left)
  server.close()
  await once(server, 'close')
  await openListener(appOf(t), placeAt(left), log)
  t.equal((await ask(`unix:${left}`, '/')).text, 'ours')
})

t.test('the end removes our own socket only', async (t) => {
  const path = join(folderOf(t), 'api.sock')
  const [first, second] = [appOf(t, 'first'), appOf(t, 'second')]
  await listenOnSocket(first, path, ours)
  unlinkSync(path)
  await listenOnSocket(second, path, ours)
  await first.close()
  t.equal((await ask(`unix:${path}`, '/')).text, 'second', 'that of another stays')
  await second.close()
  t.notOk(existsSync(path))
})

t.test('who may connect can change while it is open', async (t) => {
  const path = join(folderOf(t), 'api.sock')
  const socket = await listenOnSocket(appOf(t), path, ours)
  const gid = process.getuid?.() === 0 ? 65_533 : process.getgid?.()
  await socket.permit({ mode: 0o600, uid: undefined, gid })
  t.match(lstatSync(path), { gid })
  t.equal(lstatSync(path).mode & 0o777, 0o600)
  await socket.permit(ours)
  t.equal(lstatSync(path).mode & 0o777, 0o660)
  t.match(
    lstatSync(path),
    { uid: process.getuid?.(), gid: process.getgid?.() },
    'back to what the system made it',
  )
  t.strictSame(readdirSync(dirname(path)), ['api.sock'])
  t.equal((await ask(`unix:${path}`, '/')).text, 'ours')
})

t.test('a change is not led astray by a link, or a socket, that has taken its place', async (t) => {
  const [path, target] = [join(folderOf(t), 'api.sock'), join(folderOf(t), 'target')]
  writeFileSync(target, 'precious')
  chmodSync(target, 0o600)
  const socket = await listenOnSocket(appOf(t), path, ours)
  unlinkSync(path)
  symlinkSync(target, path)
  await t.rejects(socket.permit({ ...ours, mode: 0o666 }), {
    name: 'CannotListen',
    what: /something else has taken the place/,
  })
  t.equal(lstatSync(target).mode & 0o777, 0o600)
  unlinkSync(path)
  await stranger(t, path)
  const { mode } = lstatSync(path)
  await t.rejects(socket.permit({ ...ours, mode: 0o600 }), {
    name: 'CannotListen',
    what: /something else has taken the place/,
  })
  t.equal(lstatSync(path).mode, mode)
})

t.test('a socket that cannot be given to its group is not opened', async (t) => {
  const path = join(folderOf(t), 'api.sock')
  // Root may give files to any group: as a user without rights it may not.
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    chmodSync(dirname(path), 0o770)
    process.setegid?.(0)
    process.seteuid?.(65_532)
  }
  t.teardown(() => isRoot && process.seteuid?.(0))
  const group = '65531'
  await t.rejects(openListener(appOf(t), placeAt(path, { group, sharedFolder: true }), log), {
    message:
      /may not give the socket to that user or group \(EPERM\).*api\.socketOwner and api\.socketGroup/s,
  })
  if (isRoot) process.seteuid?.(0)
  t.strictSame(readdirSync(dirname(path)), [], 'nothing is left')
  const { promise, resolve } = Promise.withResolvers<string>()
  connect(path).on('error', (error) => resolve('code' in error ? String(error.code) : ''))
  t.equal(await promise, 'ENOENT')
})

t.test('of two that open the same path at the same time, one is told that the other is there', async (t) => {
  const path = join(folderOf(t), 'api.sock')
  const opened = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map((name) => openListener(appOf(t, name), placeAt(path), log)),
  )
  t.equal(opened.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of opened) {
    if (result.status === 'rejected')
      t.match(result.reason, { code: 'SIDEKEEP_LISTEN_FAILED', message: /already/ })
  }
  t.equal((await ask(`unix:${path}`, '/')).status, 200)
  t.strictSame(readdirSync(dirname(path)), ['api.sock'])
})
