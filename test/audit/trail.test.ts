/** What a changed configuration makes of the audit. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { breath } from '../../src/audit/writer.ts'
import { createAuditedWorld } from '../api/support/audited-world.ts'
import { folderOf } from '../support/process-sidecar.ts'
import { settle } from '../support/virtual-clock.ts'

t.test('lines that a full disk did not take are told of in the file that takes its place', async (t) => {
  const { world, trail, disk, clock, counts } = await createAuditedWorld(t)
  disk.room = 0
  for (let at = 0; at < 3; at += 1) t.equal((await world.get('/v1/secrets/db-password')).status, 200)
  await clock.advance(breath)
  const path = join(folderOf(t), 'audit.log')
  const next = await trail.prepare({ file: path, stdout: false, onFailure: 'serve' })
  next.commit()
  // The one attempt that the former file is left with.
  while (counts.lost < 3) await clock.advance(breath)
  disk.room = Number.POSITIVE_INFINITY
  while (readFileSync(path, 'utf8') === '') await clock.advance(1_000)
  t.match(JSON.parse(readFileSync(path, 'utf8')), { action: 'lost', lost: 3 })
  t.equal(counts.lost, 3, 'and counted once')
  t.equal((await world.get('/v1/secrets/db-password')).status, 200)
})

t.test('what callers see while lines cannot be written can be changed, in the same file', async (t) => {
  const { world, trail, path, disk, clock, counts } = await createAuditedWorld(t)
  const ask = async () => (await world.get('/v1/secrets/db-password')).status
  const change = async (onFailure: 'serve' | 'refuse') => {
    const next = await trail.prepare({ file: path, stdout: false, onFailure })
    next.commit()
  }
  // Half a line, which two writers of one file would go on with each in its own way.
  disk.room = 10
  t.equal(await ask(), 200)
  while (counts.failures < 1) await clock.advance(breath)
  await change('refuse')
  t.equal(await ask(), 503)
  disk.room = Number.POSITIVE_INFINITY
  while (!trail.letsAnswer) await clock.advance(1_000)
  t.equal(await ask(), 200)
  await change('serve')
  disk.room = 0
  t.equal(await ask(), 200)
  disk.room = Number.POSITIVE_INFINITY
  while (trail.isFailing || counts.written < 3) await clock.advance(1_000)
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  t.equal(lines.length, 5)
  t.equal(lines[0], '{"time":"2')
  const actions = lines.slice(1).map((line) => (JSON.parse(line) as { action: string }).action)
  t.strictSame(actions, ['read', 'lost', 'read', 'read'])
})

t.test('who waits for a line waits no more when nobody has to', async (t) => {
  const { world, trail, path, disk } = await createAuditedWorld(t, { onFailure: 'refuse' })
  const open = disk.hold()
  let asked = 0
  world.api.server.on('request', () => {
    asked += 1
  })
  const answers = [world.get('/v1/secrets/db-password')]
  while (asked < 1) await turn()
  for (let turns = 0; turns < 20; turns += 1) await settle()
  // The first is being written; this one waits behind it.
  answers.push(world.get('/v1/secrets/db-password'))
  while (asked < 2) await turn()
  for (let turns = 0; turns < 20; turns += 1) await settle()
  const next = await trail.prepare({ file: path, stdout: false, onFailure: 'serve' })
  next.commit()
  t.equal((await Promise.race(answers)).status, 200)
  disk.room = 0
  open()
  for (const answer of answers) t.equal((await answer).status, 200)
  disk.room = Number.POSITIVE_INFINITY
})
