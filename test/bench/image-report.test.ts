/** What the measurements of the image read of the kernel, and how they write figures. */
import t from 'tap'
import { field, memoryOf, pathOf } from '../../bench/image/control-group.ts'
import { cellOf, type Outcome } from '../../bench/image/limits.ts'
import { inMebibytes, inMilliseconds, megabytes, pairRatio } from '../../bench/image/report.ts'
import { byTurns, figuresOf } from '../../bench/image/rounds.ts'

const image = (name: string) => ({ name, tag: name, rootfs: '/', greeting: { words: '', command: [] } })
const own = image('own')
const standIn = image('stand-in')

t.test('the group of a process is found by its controller, of either version', async (t) => {
  const first = '8:cpu,cpuacct:/a/b\n7:memory:/a:colon\n1:name=systemd:/else\n0::/unified\n'
  t.equal(pathOf(first, 'memory'), '/a:colon')
  t.equal(pathOf(first, 'cpuacct'), '/a/b')
  t.equal(pathOf(first, ''), '/unified')
  t.equal(pathOf('0::/unified\n', 'memory'), undefined)
})

t.test('memory is that of the group with all below it, in version 1', async (t) => {
  const stat = 'cache 1\nrss 2\ninactive_file 3\ntotal_cache 900\ntotal_rss 400\ntotal_inactive_file 300\n'
  t.strictSame(memoryOf(stat, 1_000), { anonymous: 400, workingSet: 700 })
})

t.test('version 2 has other names', async (t) => {
  const stat = 'anon 400\nfile 900\nanon_thp 7\ninactive_anon 8\ninactive_file 300\n'
  t.strictSame(memoryOf(stat, 1_000), { anonymous: 400, workingSet: 700 })
  // The two files are read one after the other.
  t.equal(memoryOf(stat, 200).workingSet, 0)
})

t.test('a file without the figures is an error, not a nought', async (t) => {
  t.throws(() => memoryOf('cache 1\n', 10), /memory\.stat/)
  t.equal(field('usage_usec 12\nuser_usec 3\n', 'usage_usec'), 12)
  t.equal(field('usage_usec 12\n', 'usec'), undefined)
})

t.test('figures are written as their median, with the least and the most where those differ', async (t) => {
  t.equal(inMilliseconds([30, 10, 20]), '20 ms (10–30)')
  t.equal(inMilliseconds([20.1, 19.9]), '20 ms')
  t.equal(inMebibytes([2 ** 20, 3 * 2 ** 20]), '2.0 MiB (1.0–3.0)')
  t.equal(inMilliseconds([]), '')
  t.equal(megabytes(126_623_334), '126.6 MB')
})

t.test('ratios are those of the pairs', async (t) => {
  // The machine was ten times as slow in the third round: by the medians alone it would be 0.25.
  t.equal(pairRatio([10, 20, 100], [40, 80, 200]), '0.25')
  t.equal(pairRatio([10, 50, 100], [40, 100, 200]), '0.50')
  t.equal(pairRatio([], [1]), '')
})

t.test('the images take turns, and each comes first in turn', async (t) => {
  const order: string[] = []
  const rounds = await byTurns({ own, standIn }, 3, async ({ name }) => order.push(name))
  t.strictSame(order, ['own', 'stand-in', 'stand-in', 'own', 'own', 'stand-in'])
  t.strictSame(
    figuresOf(rounds, own, (place) => place),
    [1, 4, 5],
  )
  t.strictSame(
    figuresOf(rounds, standIn, (place) => (place > 2 ? place : undefined)),
    [3, 6],
  )
})

t.test('one that did not live decides what is said of a limit', async (t) => {
  const lived = (p99: number, answered = 30_000, failed = 0): Outcome => ({
    kind: 'lived',
    asked: { answered, failed, p99 },
  })
  t.equal(cellOf([lived(4), lived(9), lived(5)], 30), '**lives**, 3 of 3, 1000 answers/s, p99 9 ms')
  t.equal(
    cellOf([lived(4), lived(9, 28_500, 12)], 30),
    '**lives**, 2 of 2, 950 answers/s, p99 9 ms, 12 requests failed',
  )
  const killed: Outcome = { kind: 'ended', end: { exitCode: 137 }, after: 12.4 }
  t.equal(
    cellOf([lived(4), killed], 30),
    'killed by the kernel after 12 s of load, having lived through it 1 ×',
  )
  const ended = (exitCode: number): Outcome => ({ kind: 'ended', end: { exitCode }, after: undefined })
  t.equal(
    cellOf([ended(134)], 30),
    'aborted, as V8 does when its heap is full, before it was ready',
    'by its signal, as any process',
  )
  t.equal(
    cellOf([ended(139)], 30),
    'aborted, as V8 does when its heap is full, before it was ready',
    'as the first of a container, which no signal of its own ends',
  )
  t.equal(cellOf([ended(1)], 30), 'ended by itself (exit code 1) before it was ready')
  t.equal(cellOf([{ kind: 'ended', end: undefined, after: undefined }], 30), 'not ready within 30 s')
})
