import t from 'tap'
import { drawChart } from '../../bench/fleet/chart.ts'
import { figuresOf, stretches, zeroFrom } from '../../bench/fleet/figures.ts'
import { hour, minute, type Scenario } from '../../bench/fleet/scenario.ts'
import { simulate } from '../../bench/fleet/simulate.ts'
import { withSection } from '../../bench/support/marked-section.ts'

const scenario: Scenario = {
  kind: 'sidekeep',
  sidecars: 20,
  secrets: 5,
  intervalMs: 5 * minute,
  maxStaleMs: 24 * hour,
  waveMs: minute,
  lengthMs: hour,
  seed: 1,
}

t.test('a small fleet of each kind asks for each secret about once an interval', async (t) => {
  for (const kind of ['sidekeep', 'naive'] as const) {
    const { calls, notLoaded, stale } = await simulate({ ...scenario, kind })
    const total = calls.reduce((sum, count) => sum + count, 0)
    t.ok(total >= 11 * 100 && total <= 16 * 100, `${kind}: ${total} calls in an hour`)
    t.equal(notLoaded.at(-1), 0, `${kind}: everything is held`)
    t.equal(
      stale.reduce((sum, count) => sum + count, 0),
      0,
      `${kind}: nothing was ever stale`,
    )
  }
})

t.test('the same seed gives the same calls', async (t) => {
  const [one, other] = [await simulate(scenario), await simulate(scenario)]
  t.strictSame(one.calls, other.calls)
  t.notSame((await simulate({ ...scenario, seed: 2 })).calls, one.calls)
})

t.test('an outage is counted, and is over when it is over', async (t) => {
  const outage = { fromMs: 20 * minute, untilMs: 30 * minute }
  const { stale } = await simulate({ ...scenario, outage })
  t.equal(stale[30 * 60 - 1], 100)
  t.equal(stale.at(-1), 0)
})

t.test('figures are mean, 99th percentile and busiest second of the stretches', async (t) => {
  const perSecond = Uint32Array.from({ length: 200 }, (_, at) => at)
  t.strictSame(figuresOf(stretches(perSecond, [0, 50], [150, 200])), { mean: 99.5, p99: 198, peak: 199 })
  t.equal(zeroFrom(Uint32Array.of(1, 0, 2, 0, 0)), 3)
  t.equal(zeroFrom(Uint32Array.of(1)), undefined)
})

t.test(
  'the chart is well-formed, draws a line and a band for each series, and escapes its words',
  async (t) => {
    const panel = {
      title: 'a & b',
      fromSecond: 0,
      untilSecond: 100,
      secondsPerPoint: 10,
      tickEvery: 50,
      tickLabel: (at: number) => `${at} s`,
    }
    const perSecond = Uint32Array.from({ length: 100 }, (_, at) => at)
    const svg = drawChart([{ name: '<naive>', colour: '#d9822b', perSecond }], [panel, panel], 'calls')
    t.match(svg, /^<svg [^>]+>.+<\/svg>\n$/s)
    t.equal(svg.match(/stroke-linejoin/g)?.length, 2, 'one line in each of the two panels')
    t.equal(svg.match(/fill-opacity/g)?.length, 2, 'and one band')
    t.match(svg, 'a &amp; b')
    t.match(svg, '&lt;naive&gt;')
    t.notMatch(svg, /NaN|Infinity|undefined/)
  },
)

t.test('a section replaces what is between its marks, and nothing else', async (t) => {
  const page = 'before\n<!-- begin: fleet -->\nold\n<!-- end: fleet -->\nafter\n'
  const written = withSection(page, 'fleet', 'new')
  t.equal(written, 'before\n<!-- begin: fleet -->\n\nnew\n\n<!-- end: fleet -->\nafter\n')
  t.equal(withSection(written, 'fleet', 'new'), written)
  t.throws(() => withSection(page, 'soak', 'new'), /no <!-- begin: soak -->/)
})
