/** However the file of the audit is rotated under load, no line is lost and none is torn. */
import { copyFileSync, readdirSync, renameSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { startAudited, startReaders } from '../support/e2e-audit.ts'
import { eventually } from '../support/e2e-eventually.ts'

const rounds = 5

t.test('renamed and told by SIGHUP', async (t) => {
  const scene = await startAudited(t)
  const { sidecar, log, lines } = scene
  const readers = startReaders(scene, 4)
  for (let round = 1; round <= rounds; round += 1) {
    const before = readers.answered
    await eventually('answers', () => readers.answered > before + 10)
    renameSync(log, `${log}.${round}`)
    sidecar.child.signal('SIGHUP')
    await eventually('the new file', () => readdirSync(dirname(log)).includes('audit.log'))
  }
  await readers.stop()
  await eventually('the last line', () => lines().length >= readers.answered)
  t.equal(lines().length, readers.answered, 'each answer is one line, and each line is whole')
  t.equal(readdirSync(dirname(log)).length, rounds + 1)
})

t.test('renamed, and nobody said so', async (t) => {
  const scene = await startAudited(t)
  const { log, lines } = scene
  const readers = startReaders(scene, 2)
  await eventually('answers', () => readers.answered > 10)
  renameSync(log, `${log}.1`)
  await eventually('the new file', () => readdirSync(dirname(log)).includes('audit.log'))
  const before = readers.answered
  await eventually('answers', () => readers.answered > before + 10)
  await readers.stop()
  await eventually('the last line', () => lines().length >= readers.answered)
  t.equal(lines().length, readers.answered)
})

t.test('copied and truncated', async (t) => {
  const scene = await startAudited(t, { onFailure: 'refuse' })
  const { log, lines } = scene
  // Between the copy and the truncation lines are lost, as with every program: so nobody asks then.
  let answered = 0
  for (let round = 1; round <= rounds; round += 1) {
    const readers = startReaders(scene, 4)
    await eventually('answers', () => readers.answered > 10)
    await readers.stop()
    answered += readers.answered
    copyFileSync(log, `${log}.${round}`)
    truncateSync(log)
  }
  t.equal(lines().length, answered)
})

t.test('killed with -9 under load, it has a line for every value that somebody got', async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const scene = await startAudited(t, { onFailure: 'refuse' })
    const readers = startReaders(scene, 8)
    await eventually('answers', () => readers.answered > 20 + 30 * round)
    scene.sidecar.child.signal('SIGKILL')
    await scene.sidecar.child.exited
    await readers.stop()
    const lines = scene.lines().filter(({ status }) => status === 200)
    t.ok(lines.length >= readers.answered, `${lines.length} lines, ${readers.answered} answers`)
  }
})
