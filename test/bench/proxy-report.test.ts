/** The verdicts and tables of the proxy's benchmark, and what it reads of wrk. */
import t from 'tap'
import { atLeast, atMost, listOf } from '../../bench/proxy/aims.ts'
import { coresOf } from '../../bench/proxy/cores.ts'
import { inTurn } from '../../bench/proxy/measure.ts'
import { names } from '../../bench/proxy/names.ts'
import { aimsOf, type Case, caseTable, type Run, smallName } from '../../bench/proxy/throughput-report.ts'
import { parseWrk } from '../../bench/support/wrk.ts'

const show = (value: number): string => value.toFixed(1)

const run = (requestsPerSecond: number, cpuMicroseconds?: number): Run => ({
  requestsPerSecond,
  p50: 1,
  p99: 2,
  errors: 0,
  cpu: cpuMicroseconds === undefined ? undefined : cpuMicroseconds / 1e6,
})

function caseOf(rows: Readonly<Record<string, readonly Run[]>>, name = smallName): Case {
  return {
    name,
    connections: 32,
    rows: Object.entries(rows).map(([name, runs]) => ({ name, runs, rss: 1_024 })),
  }
}

t.test('the worst figure decides an aim, and is named', async (t) => {
  const figures = [
    { of: 'one', value: 3 },
    { of: 'other', value: 1.5 },
  ]
  t.strictSame(atLeast(2, { words: 'fast', figures, show }), {
    words: 'fast: 1.5 (other), at best 3.0',
    met: false,
  })
  t.strictSame(atMost(3, { words: 'small', figures, show }), {
    words: 'small: 3.0 (one), at best 1.5',
    met: true,
  })
})

t.test('an aim without figures is neither met nor missed', async (t) => {
  const aim = atLeast(2, { words: 'fast', figures: [], show })
  t.equal(aim.met, undefined)
  t.equal(listOf([aim]), '- not measured: fast')
})

t.test('a figure that is no number misses the aim', async (t) => {
  const figures = [
    { of: 'one', value: 3 },
    { of: 'other', value: Number.NaN },
  ]
  t.equal(atLeast(2, { words: 'fast', figures, show }).met, false)
  t.equal(atMost(9, { words: 'small', figures, show }).met, false)
})

t.test('ratios are of the runs of one round, and their median counts', async (t) => {
  // The machine was three times as fast in the second round: by the medians of each alone it would be 1.5.
  const cases = [
    caseOf({
      [names.limited]: [run(200, 10), run(600, 10), run(300, 10)],
      [names.fastify]: [run(100, 30), run(300, 30), run(200, 30)],
    }),
  ]
  const [throughput, cpu] = aimsOf(cases)
  t.match(throughput, { met: true, words: /: 2\.00 × \(GET 512 B, 32 connections\)$/ })
  t.match(cpu, { met: true, words: /: 3\.00 ×/ })
})

t.test('nginx is compared per core, and with the small answer only', async (t) => {
  const slow = caseOf({ [names.limited]: [run(10, 100)], [names.nginx]: [run(100, 10)] }, 'GET 64 KiB')
  const fine = caseOf({ [names.limited]: [run(10, 15)], [names.nginx]: [run(100, 10)] })
  t.match(aimsOf([slow, fine])[2], { met: true, words: /: 0\.67 ×/ })
})

t.test('what limits cost is a share of what passes without them', async (t) => {
  const cases = [caseOf({ [names.limited]: [run(89, 10)], [names.plain]: [run(100, 9.5)] })]
  const [, , , throughput, cpu] = aimsOf(cases)
  t.match(throughput, { met: false, words: /: 11\.0 % / })
  t.match(cpu, { met: true, words: /: 5\.0 % / })
})

t.test('whoever was left out leaves its aims unmeasured and its columns empty', async (t) => {
  const alone = caseOf({ [names.direct]: [run(1_000)], [names.limited]: [run(100, 10)] })
  t.ok(aimsOf([alone]).every(({ met }) => met === undefined))
  const [, , direct, limited] = caseTable(alone).split('\n')
  t.equal(direct, '| direct, no proxy | 1000 |  |  | 1.00 ms | 2.00 ms |  |  |  |  | 1.0 MiB | 0 |')
  t.equal(
    limited,
    '| Sidekeep, two limits | 100 |  |  | 1.00 ms | 2.00 ms | 10.0 µs | 100000 |  |  | 1.0 MiB | 0 |',
  )
})

t.test('everyone runs in each round, and comes first in turn', async (t) => {
  const order: number[] = []
  const runs = await inTurn([0, 1, 2], 3, async (one) => {
    order.push(one)
    return run(one)
  })
  t.strictSame(order, [0, 1, 2, 1, 2, 0, 2, 0, 1])
  t.strictSame(
    runs.map((own) => own.map(({ requestsPerSecond }) => requestsPerSecond)),
    [
      [0, 0, 0],
      [1, 1, 1],
      [2, 2, 2],
    ],
  )
})

t.test('lists of processors are read as Linux writes them', async (t) => {
  t.strictSame(coresOf('0-2,5,7-8'), [0, 1, 2, 5, 7, 8])
  t.strictSame(coresOf('3'), [3])
  t.strictSame(coresOf(''), [])
})

const printed = `Running 10s test @ http://127.0.0.1:8080/512
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.22ms    4.81ms  43.41ms   91.45%
    Req/Sec     9.68k     2.50k   13.47k    75.00%
  Latency Distribution
     50%  260.00us
     75%    3.76ms
     90%    7.41ms
     99%    1.25s
  19304 requests in 10.02s, 4.42MB read
`

t.test("wrk's report is read in its units", async (t) => {
  t.strictSame(parseWrk(`${printed}Requests/sec:   1926.55\nTransfer/sec:      2.20MB\n`), {
    requests: 19_304,
    seconds: 10.02,
    requestsPerSecond: 1_926.55,
    p50: 0.26,
    p99: 1_250,
    refused: 0,
    socketErrors: 0,
  })
})

t.test('what wrk counts as failed is told apart from what was refused', async (t) => {
  const failed = `${printed}  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 17
Requests/sec:   1926.55
`
  t.match(parseWrk(failed), { refused: 17, socketErrors: 10 })
  t.match(parseWrk('nothing'), { requests: Number.NaN, refused: 0 })
})
