/** What is done to a file that is held is done to that one, whatever lies at its path by then. */
import { once } from 'node:events'
import { lstatSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HeldFile } from '../../src/listener/held-file.ts'
import { folderOf } from '../support/process-sidecar.ts'

const isLinux = process.platform === 'linux'

/** A socket, and beside it a file that is none of the sidecar's business. */
async function placesOf(t: Test): Promise<{ socket: string; moved: string; precious: string }> {
  const folder = folderOf(t)
  const places = ['socket', 'moved', 'precious'].map((name) => join(folder, name))
  const [socket = '', moved = '', precious = ''] = places
  const server = createServer().listen(socket)
  await once(server, 'listening')
  t.teardown(() => server.close())
  writeFileSync(precious, '', { mode: 0o600 })
  return { socket, moved, precious }
}

t.test('its mode and its owner are changed, a socket being no file that can be opened', async (t) => {
  const { socket } = await placesOf(t)
  await using file = await HeldFile.at(socket)
  t.ok((await file.stat()).isSocket())
  await file.chmod(0o640)
  await file.chown(-1, process.getgid?.() ?? -1)
  t.equal(lstatSync(socket).mode & 0o777, 0o640)
})

t.test('a link that takes its place is not followed', async (t) => {
  const { socket, moved, precious } = await placesOf(t)
  await using file = await HeldFile.at(socket)
  renameSync(socket, moved)
  symlinkSync(precious, socket)
  if (isLinux) await file.chmod(0o666)
  await file.chown(process.getuid?.() ?? -1, process.getgid?.() ?? -1)
  t.equal(statSync(precious).mode & 0o777, 0o600)
  if (isLinux) t.equal(lstatSync(moved).mode & 0o777, 0o666, 'what was held has the new mode where it is now')
})

t.test('a link that is there already is held itself, and its mode cannot be changed', async (t) => {
  const { socket, moved, precious } = await placesOf(t)
  renameSync(socket, moved)
  symlinkSync(precious, socket)
  await using file = await HeldFile.at(socket)
  t.ok((await file.stat()).isSymbolicLink())
  if (isLinux) await t.rejects(file.chmod(0o666))
  t.equal(statSync(precious).mode & 0o777, 0o600)
})

t.test('where nothing lies, nothing can be done', async (t) => {
  const nothing = join(folderOf(t), 'nothing')
  const mode = async (): Promise<void> => {
    await using file = await HeldFile.at(nothing)
    await file.chmod(0o600)
  }
  await t.rejects(mode(), { code: 'ENOENT' })
})
