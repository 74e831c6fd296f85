/**
 * The attack: symbolic links and races. Somebody who may write beside a socket or a token file puts a link in its place,
 * so that the sidecar changes the mode of another file, removes it, lets in whoever can read it, or serves where the
 * attacker listens.
 */

import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { Test } from 'tap'
import t from 'tap'
import { listenOnSocket } from '../../src/listener/unix-socket.ts'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import { ask } from '../support/e2e-http.ts'
import { folderOf } from '../support/process-sidecar.ts'

const permissions = { mode: 0o666, uid: undefined, gid: undefined }

function appOf(t: Test) {
  const app = Fastify()
  app.get('/', () => 'ours')
  t.teardown(() => app.close())
  return app
}

t.test('a link at the place of the socket is neither followed nor replaced, wherever it leads', async (t) => {
  const folder = folderOf(t)
  const file = join(folder, 'file')
  writeFileSync(file, 'precious', { mode: 0o600 })
  const theirs = createServer((socket) => socket.end())
  theirs.listen(join(folder, 'theirs.sock'))
  await once(theirs, 'listening')
  t.teardown(() => theirs.close())
  for (const target of ['file', 'theirs.sock', 'nowhere', 'api.sock', '.']) {
    const path = join(folder, 'api.sock')
    symlinkSync(target, path)
    await t.rejects(listenOnSocket(appOf(t), path, permissions), `a link to ${target}`)
    t.ok(lstatSync(path).isSymbolicLink(), 'the link is as it was')
    rmSync(path)
  }
  t.equal(readFileSync(file, 'utf8'), 'precious')
  t.equal(statSync(file).mode & 0o777, 0o600, 'and no mode was changed through it')
  t.notOk(existsSync(join(folder, 'nowhere')))
})

t.test(
  'while links come and go at its place, no other file is touched, and who listens is ours',
  async (t) => {
    const folder = folderOf(t)
    const [path, file] = [join(folder, 'api.sock'), join(folder, 'file')]
    writeFileSync(file, 'precious', { mode: 0o600 })
    let turns = 0
    let isOver = false
    // A link where nothing lies, and away with it, as fast as it goes. It is made in one step: one that takes the place of a
    // socket is what the rules of the folder prevent (src/listener/socket-folder.ts).
    const attack = async (): Promise<void> => {
      while (!isOver) {
        turns += 1
        if (turns % 2 === 1) {
          try {
            symlinkSync(file, path)
          } catch {
            // The sidecar was faster.
          }
        } else if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const attacking = attack()
    let opened = 0
    let rounds = 0
    for (rounds = 0; opened < 5; rounds += 1) {
      const app = appOf(t)
      const isOpen = await listenOnSocket(app, path, permissions).then(
        () => true,
        () => false,
      )
      if (!isOpen) continue
      opened += 1
      t.ok(lstatSync(path).isSocket(), 'what lies there is a socket')
      t.equal((await ask(`unix:${path}`, '/')).text, 'ours')
      await app.close()
      rmSync(path, { force: true })
    }
    isOver = true
    await attacking
    t.ok(turns > rounds, `it was opened ${opened} times of ${rounds} between ${turns} turns of the attacker`)
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.equal(readFileSync(file, 'utf8'), 'precious')
  },
)

t.test('a token file that becomes a link to what is no token lets nobody in with that', async (t) => {
  const folder = folderOf(t)
  const file = join(folder, 'web.token')
  writeFileSync(file, tokenOf('web'), { mode: 0o600 })
  const { callers, clock, told } = await callersRig(t, accessConfig({ web: { tokens: [{ file }] } }))
  t.equal(callers.identify(tokenOf('web'))?.name, 'web')
  writeFileSync(
    join(folder, 'known'),
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n',
  )
  mkdirSync(join(folder, 'directory'))
  for (const target of [
    'known',
    'directory',
    'nowhere',
    'web.token',
    '/dev/null',
    '/dev/zero',
    '/proc/self/mem',
  ]) {
    const link = join(folder, 'link')
    symlinkSync(target, link)
    renameSync(link, file)
    for (let look = 0; look < 4; look += 1) await clock.advance(10_000)
    for (const guess of ['', '\0', 'root:x:0:0:root:/root:/bin/sh', 'nowhere', target]) {
      t.equal(callers.identify(guess), undefined, `${target}: ${JSON.stringify(guess)}`)
    }
  }
  t.notMatch(JSON.stringify(told), /CANARY-|root:x/, 'nothing of what lay there is told')
})

t.test('two callers whose files are one file, by a link, are not the same caller by surprise', async (t) => {
  const folder = folderOf(t)
  const [web, admin] = [join(folder, 'web.token'), join(folder, 'admin.token')]
  writeFileSync(web, tokenOf('web'))
  symlinkSync(web, admin)
  const callers = { web: { tokens: [{ file: web }], allow: ['web/*'] }, admin: { tokens: [{ file: admin }] } }
  const rig = await callersRig(t, accessConfig(callers))
  const found = rig.callers.identify(tokenOf('web'))
  t.not(found?.name, 'admin', 'the file of a lesser caller opens nothing more')
})
