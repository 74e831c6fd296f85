/** The verdict of the soak: what counts as growth, as left open, as beyond a budget. */
import t from 'tap'
import { Calls } from '../../bench/soak/calls.ts'
import { Findings } from '../../bench/soak/findings.ts'
import { type Sample, total } from '../../bench/soak/sampling.ts'
import {
  judgeBudget,
  judgeGrowth,
  judgeLeftover,
  type Measure,
  tolerances,
} from '../../bench/soak/verdict.ts'

const quiet: Omit<Sample, 'at'> = { rss: 100_000, heapUsed: 40_000, handles: 60, fds: 80, sockets: 60 }

/** Samples that are the same but for one measure. */
function samples(measure: Measure, valueAt: (part: number) => number, count = 60): Sample[] {
  return Array.from({ length: count }, (_, at) => ({ ...quiet, at, [measure]: valueAt(at / (count - 1)) }))
}

const grown = (all: readonly Sample[]): readonly Measure[] | undefined =>
  judgeGrowth(all)?.flatMap(({ measure, grew }) => (grew ? [measure] : []))

for (const measure of Object.keys(tolerances) as Measure[]) {
  t.test(`${measure} that goes on growing is found, and nothing else is`, async (t) => {
    t.strictSame(grown(samples(measure, (part) => quiet[measure] * (1 + 2 * part))), [measure])
  })

  t.test(`${measure} that goes up and down is no growth`, async (t) => {
    let up = false
    const all = samples(measure, () => {
      up = !up
      return quiet[measure] * (up ? 1.5 : 1)
    })
    t.strictSame(grown(all), [])
  })
}

t.test('what fills up in the beginning is no growth', async (t) => {
  t.strictSame(grown(samples('rss', (part) => (part < 0.15 ? 20_000 : 100_000))), [])
})

t.test('too few samples say nothing rather than that all is well', async (t) => {
  t.equal(judgeGrowth(samples('rss', () => 1, 5)), undefined)
})

t.test('what the system does not tell is left out', async (t) => {
  const told = judgeGrowth(samples('fds', () => Number.NaN))?.map(({ measure }) => measure)
  t.notOk(told?.includes('fds'))
  t.ok(told?.includes('rss'))
})

t.test('a socket or a file that stays open after the load is told', async (t) => {
  const before = { sockets: 4, fds: 20 }
  t.equal(judgeLeftover(before, { sockets: 4, fds: 19 }), undefined)
  t.match(judgeLeftover(before, { sockets: 5, fds: 21 }), /sockets: 4 before, 5 after; fds: 20 before, 21/)
})

t.test('a budget lets as many at once as in a second, and the rate from there on', async (t) => {
  t.ok(judgeBudget(20, 1_000, 10))
  t.notOk(judgeBudget(21, 1_000, 10))
  t.ok(judgeBudget(110, 10_000, 10))
  t.notOk(judgeBudget(111, 10_000, 10))
})

t.test('the most calls within a time are found wherever they lie', async (t) => {
  const calls = new Calls()
  for (const at of [0, 500, 5_000, 5_100, 5_200, 5_999, 6_000, 9_000]) calls.begin(at)
  t.equal(calls.mostWithin(1_000), 4, 'from 5,000 to 5,999, and from 5,100 on')
  for (let at = 0; at < 3; at += 1) calls.end()
  t.equal(calls.mostAtOnce, 8)
})

t.test('a metric is the sum of its lines, and of no other metric that begins alike', async (t) => {
  const text = 'a_handles{type="x"} 2\na_handles{type="y"} 3\na_handles_total 9\nb 1\n'
  t.equal(total(text, 'a_handles'), 5)
  t.equal(total(text, 'b'), 1)
  t.same(total(text, 'c'), Number.NaN)
})

t.test('findings of one kind are counted, and the first of them shown', async (t) => {
  const findings = new Findings()
  t.ok(findings.none)
  for (let at = 0; at < 100; at += 1) findings.add('a wrong answer', `case ${at}`)
  t.notOk(findings.none)
  t.equal(findings.lines[0], 'a wrong answer: 100 ×')
  t.equal(findings.lines.length, 6)
})
