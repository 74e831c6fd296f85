import t from 'tap'
import { retryInterval } from '../../src/audit/lines.ts'
import { breath, mostWaiting, patience } from '../../src/audit/writer.ts'
import { settle } from '../support/virtual-clock.ts'
import { startWriter } from './support/memory-sink.ts'

t.test('what comes in one turn of the event loop is one write, in order', async (t) => {
  const { sink, writer, written, counts } = startWriter(t)
  for (const line of ['1\n', '2\n', '3\n']) t.equal(writer.record(line), undefined, 'nobody waits')
  t.equal(sink.text, '')
  await written()
  writer.record('4\n')
  await written()
  t.strictSame(sink.chunks, ['1\n2\n3\n', '4\n'])
  t.strictSame(counts, { written: 4, lost: 0 })
})

t.test('serve: while there are many lines, those of some milliseconds are one write', async (t) => {
  const { sink, writer, clock } = startWriter(t)
  writer.record('1\n')
  await settle()
  await settle()
  t.equal(sink.text, '1\n', 'the first goes at once')
  for (const line of ['2\n', '3\n', '4\n']) {
    writer.record(line)
    await clock.advance(1)
    await settle()
  }
  t.equal(sink.text, '1\n')
  await clock.advance(breath - 3)
  await settle()
  t.strictSame(sink.chunks, ['1\n', '2\n3\n4\n'])
})

t.test('refuse: where somebody waits, a write begins as soon as the last one has ended', async (t) => {
  const { sink, writer } = startWriter(t, { onFailure: 'refuse' })
  await writer.record('1\n')
  await writer.record('2\n')
  t.strictSame(sink.chunks, ['1\n', '2\n'])
})

t.test('what comes during a write waits for it, and is written next', async (t) => {
  const { sink, writer, written } = startWriter(t)
  const open = sink.hold()
  writer.record('1\n')
  await written()
  writer.record('2\n')
  writer.record('3\n')
  await written()
  t.equal(sink.text, '')
  open()
  await written()
  t.strictSame(sink.chunks, ['1\n', '2\n3\n'])
})

t.test('serve: what cannot be written is kept and tried again, and told of once', async (t) => {
  const { sink, writer, written, clock, told, counts } = startWriter(t)
  sink.room = 3
  writer.record('1\n')
  writer.record('2\n')
  await written()
  // The end of the second line is missing: it comes with whatever is next.
  t.strictSame([counts, told], [{ written: 2, lost: 0 }, ['failed: full']])
  writer.record('3\n')
  await clock.advance(retryInterval)
  await written()
  t.strictSame([counts, told], [{ written: 2, lost: 0 }, ['failed: full']])
  sink.room = 100
  await clock.advance(retryInterval)
  await written()
  t.equal(sink.text, '1\n23\n')
  t.strictSame([counts, told], [{ written: 3, lost: 0 }, ['failed: full', 'recovered']])
  t.notOk(writer.isFailing)
})

t.test(
  'serve: what exceeds a mebibyte is lost and counted, and a line says how many are missing',
  async (t) => {
    const { sink, writer, written, clock, counts } = startWriter(t)
    sink.room = 0
    const line = `${'x'.repeat(1023)}\n`
    const fits = mostWaiting / line.length
    for (let at = 0; at < fits + 3; at += 1) writer.record(line)
    await written()
    t.strictSame(counts, { written: 0, lost: 3 })
    sink.room = Number.POSITIVE_INFINITY
    await clock.advance(retryInterval)
    await written()
    t.strictSame(counts, { written: fits, lost: 3 })
    t.ok(sink.text.startsWith(line.repeat(fits)))
    t.match(JSON.parse(sink.text.slice(line.length * fits)), { action: 'lost', lost: 3 })
    const before = sink.text
    writer.record('after\n')
    await written()
    t.ok(sink.text === `${before}after\n`, 'once')
  },
)

t.test('refuse: whoever records waits until the line is written', async (t) => {
  const { sink, writer } = startWriter(t, { onFailure: 'refuse' })
  const open = sink.hold()
  let isWritten = false
  const recorded = writer.record('1\n')?.then(() => {
    isWritten = true
  })
  await settle()
  await settle()
  t.notOk(isWritten)
  open()
  await recorded
  t.equal(sink.text, '1\n')
})

t.test(
  'refuse: a line that cannot be written is refused, and so is every other until one can be',
  async (t) => {
    const { sink, writer, written, clock, counts, told } = startWriter(t, { onFailure: 'refuse' })
    sink.room = 2
    const [first, second] = [writer.record('1\n'), writer.record('2\n')]
    await first
    await t.rejects(second ?? Promise.resolve(), {
      code: 'SIDEKEEP_AUDIT_FAILED',
      retryAfterMs: retryInterval,
    })
    t.ok(writer.isFailing)
    await t.rejects(writer.record('3\n') ?? Promise.resolve(), { code: 'SIDEKEEP_AUDIT_FAILED' })
    t.equal(sink.chunks.length, 1, 'without another attempt')
    t.strictSame(counts, { written: 1, lost: 2 })
    await clock.advance(retryInterval)
    await written()
    t.ok(writer.isFailing)
    sink.room = 1_000
    await clock.advance(retryInterval)
    await written()
    t.notOk(writer.isFailing, 'found out without a caller')
    await writer.record('4\n')
    const [one, gap, last] = sink.text.split('\n')
    t.strictSame([one, last], ['1', '4'])
    t.match(JSON.parse(gap ?? ''), { action: 'lost', lost: 2 })
    t.strictSame(told, ['failed: full', 'recovered'])
  },
)

for (const onFailure of ['serve', 'refuse'] as const) {
  t.test(`${onFailure}: a write that hangs counts as failed after a while, until it ends`, async (t) => {
    const { sink, writer, written, clock, told } = startWriter(t, { onFailure })
    const open = sink.hold()
    const recorded = writer.record('1\n')
    const isRefused = recorded?.then(
      () => false,
      () => true,
    )
    await settle()
    await clock.advance(patience)
    t.strictSame(told, [`failed: a write took longer than ${patience} ms`])
    t.equal(await isRefused, onFailure === 'refuse' ? true : undefined)
    open()
    await written()
    t.strictSame(told.slice(1), ['recovered'])
    t.equal(sink.text, '1\n')
  })
}
