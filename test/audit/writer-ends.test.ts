/** What a writer does when its file moves, and at its end. */
import t from 'tap'
import { retryInterval } from '../../src/audit/lines.ts'
import { lookInterval, patience } from '../../src/audit/writer.ts'
import { settle } from '../support/virtual-clock.ts'
import { startWriter } from './support/memory-sink.ts'

t.test('it looks every few seconds whether the file is at its place, and at once when told so', async (t) => {
  const { sink, writer, written, clock, told } = startWriter(t)
  await clock.advance(lookInterval)
  await clock.advance(lookInterval)
  t.strictSame(sink.renewals, [false, false])
  writer.renew('force')
  await written()
  t.strictSame(sink.renewals, [false, false, true])
  sink.renewFailure = new Error('in the way')
  await clock.advance(lookInterval)
  await clock.advance(lookInterval)
  t.strictSame(told, ['stuck behind'], 'told once')
  sink.renewFailure = undefined
  await clock.advance(lookInterval)
  sink.renewFailure = new Error('in the way')
  await clock.advance(lookInterval)
  t.strictSame(told, ['stuck behind', 'stuck behind'], 'and again when it was well meanwhile')
})

t.test('lines that came before the file is opened anew are written before', async (t) => {
  const { sink, writer, written } = startWriter(t)
  const open = sink.hold()
  writer.record('1\n')
  await written()
  writer.renew('force')
  writer.record('2\n')
  t.strictSame(sink.renewals, [])
  open()
  await written()
  t.strictSame(sink.chunks, ['1\n', '2\n'])
  t.strictSame(sink.renewals, [true])
})

for (const onFailure of ['serve', 'refuse'] as const) {
  t.test(`${onFailure}: a look at the file that hangs holds nobody up for longer than a write`, async (t) => {
    const { sink, writer, written, clock, told } = startWriter(t, { onFailure })
    const open = sink.hold()
    writer.renew('look')
    await settle()
    const isRefused = writer.record('1\n')?.then(
      () => false,
      () => true,
    )
    await clock.advance(patience)
    t.strictSame(told, [`failed: a look at the file took longer than ${patience} ms`])
    t.equal(await isRefused, onFailure === 'refuse' ? true : undefined)
    t.ok(writer.isFailing)
    open()
    await written()
    t.notOk(writer.isFailing, 'it found out by itself, and at once')
    t.strictSame(told.slice(1), ['recovered'])
    if (onFailure === 'serve') t.equal(sink.text, '1\n')
    else t.match(JSON.parse(sink.text), { action: 'lost', lost: 1 })
  })
}

t.test('what another has lost and told nobody of, it tells', async (t) => {
  const { sink, writer, written, counts } = startWriter(t)
  writer.owe(3)
  await written()
  t.match(JSON.parse(sink.text), { action: 'lost', lost: 3 })
  t.strictSame(counts, { written: 0, lost: 0 }, 'it was counted there')
})

t.test('a close says how many lines are missing that no line tells of', async (t) => {
  const { sink, writer, written, clock } = startWriter(t)
  sink.room = 0
  writer.record('1\n')
  writer.record('2\n')
  await written()
  await clock.advance(retryInterval)
  t.equal(await writer.close(), 2)
  const well = startWriter(t)
  well.writer.record('1\n')
  t.equal(await well.writer.close(), 0)
})

t.test('a close writes what waits, in one attempt, and lets go of everything', async (t) => {
  const { sink, writer, clock, counts } = startWriter(t)
  writer.record('1\n')
  await writer.close()
  t.equal(sink.text, '1\n')
  t.ok(sink.isClosed)
  t.equal(clock.pending, 0)
  writer.record('2\n')
  t.strictSame(counts, { written: 1, lost: 1 })
})

t.test('a close gives up what cannot be written', async (t) => {
  const { sink, writer, counts, written, clock } = startWriter(t)
  sink.room = 0
  writer.record('1\n')
  await written()
  await writer.close()
  t.strictSame(counts, { written: 0, lost: 1 })
  t.equal(clock.pending, 0)
})

t.test('a line that is refused while the writer closes tells so', async (t) => {
  const { sink, writer } = startWriter(t, { onFailure: 'refuse' })
  sink.room = 0
  const recorded = writer.record('1\n')
  const closed = writer.close()
  await t.rejects(recorded ?? Promise.resolve(), { code: 'SIDEKEEP_AUDIT_FAILED' })
  await closed
})

t.test('at an end of the process that nobody prepared it appends what waits', async (t) => {
  const { sink, writer } = startWriter(t)
  const before = process.listenerCount('exit')
  writer.record('1\n')
  const atExit = process.rawListeners('exit').at(-1)
  if (atExit === undefined) throw new Error('nothing would be done')
  atExit.call(process, 0)
  t.equal(sink.text, '1\n')
  await writer.close()
  t.ok(process.listenerCount('exit') < before)
})
