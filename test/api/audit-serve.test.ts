/** `audit.onFailure: serve`: callers are answered whatever becomes of the lines, which are counted. */
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { retryInterval } from '../../src/audit/lines.ts'
import { breath, mostWaiting } from '../../src/audit/writer.ts'
import { createAuditedWorld } from './support/audited-world.ts'

const path = '/v1/secrets/db-password?format=raw'

t.test('on a full disk callers are answered, and the lines come when there is room', async (t) => {
  const { world, disk, counts, clock, lines, trail } = await createAuditedWorld(t)
  await world.get(path)
  await lines(1)
  disk.room = 0
  for (let time = 0; time < 5; time += 1) t.equal((await world.get(path)).status, 200)
  t.ok(trail.letsAnswer)
  while (counts.failures === 0) await clock.advance(breath)
  disk.room = 100_000
  await clock.advance(retryInterval)
  const all = await lines(6)
  t.equal(all.length, 6)
  t.ok(all.every(({ name, status }) => name === 'db-password' && status === 200))
  t.match(counts, { written: 6, lost: 0, failures: 1, recoveries: 1 })
})

t.test('what is more than a mebibyte is lost, counted, and told in the file', async (t) => {
  const { world, disk, counts, clock, path: file } = await createAuditedWorld(t)
  disk.room = 0
  const name = '%00'.repeat(256)
  // Each control character is six bytes of a line.
  const size = 256 * 6
  const requests = Math.ceil(mostWaiting / size)
  for (let sent = 0; sent < requests; sent += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, requests - sent) }, () => world.get(`/v1/secrets/${name}`)),
    )
  }
  t.ok(counts.lost > 0)
  const { lost } = counts
  disk.room = Number.POSITIVE_INFINITY
  await clock.advance(retryInterval)
  while (counts.recoveries === 0) await turn()
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  t.equal(counts.written + lost, requests)
  t.equal(lines.length, counts.written + 1)
  t.match(JSON.parse(lines.at(-1) ?? ''), { action: 'lost', lost })
})

t.test('a disk that hangs holds nobody up', async (t) => {
  const { world, disk, lines } = await createAuditedWorld(t)
  const open = disk.hold()
  t.equal((await world.get(path)).text, 'CANARY-db-password-1')
  t.equal((await world.get(path)).text, 'CANARY-db-password-1')
  open()
  t.equal((await lines(2)).length, 2)
})
