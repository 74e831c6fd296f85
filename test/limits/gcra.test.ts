import t from 'tap'
import { judge, quotaOf } from '../../src/limits/gcra.ts'
import fc from '../support/property.ts'

/** The same law, said otherwise: a bucket of `burst` tokens, filled with one each interval. Exact, in whole ticks. */
class Bucket {
  readonly #burst: bigint
  readonly #interval: bigint
  #filledAt = 0n
  /** In ticks: one token is an interval. */
  #level: bigint

  constructor(burst: number, interval: bigint) {
    this.#burst = BigInt(burst)
    this.#interval = interval
    this.#level = this.#burst * interval
  }

  take(now: bigint): boolean {
    const full = this.#burst * this.#interval
    const level = this.#level + now - this.#filledAt
    this.#level = level
    if (level > full) this.#level = full
    this.#filledAt = now
    if (this.#level < this.#interval) return false
    this.#level -= this.#interval
    return true
  }
}

const ticksPerMs = 2 ** 20

/** Rates as the configuration has them, bursts, and the pauses between requests in ticks. */
const scenario = fc.record({
  rate: fc.oneof(
    fc.integer({ min: 1, max: 10_000 }),
    fc.integer({ min: 1, max: 1_000 }).map((perMinute) => perMinute / 60),
    fc.integer({ min: 1, max: 1_000 }).map((perHour) => perHour / 3_600),
  ),
  burst: fc.integer({ min: 1, max: 50 }),
  start: fc.integer({ min: 0, max: 10 * 24 * 3_600_000 }),
  /** In hundredths of an interval: most about as long as one, some none at all, some as long as many. */
  pauses: fc.array(
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 250 }), fc.integer({ min: 0, max: 9_000 })),
    {
      minLength: 1,
      maxLength: 200,
    },
  ),
})

interface Run {
  readonly interval: bigint
  readonly passed: { at: bigint; allowed: boolean }[]
}

function run({
  rate,
  burst,
  start,
  pauses,
}: {
  rate: number
  burst: number
  start: number
  pauses: number[]
}): Run {
  const quota = quotaOf(rate, burst)
  const interval = BigInt(quota.interval * ticksPerMs)
  let at = BigInt(start) * BigInt(ticksPerMs)
  let tat = 0
  const passed = pauses.map((pause) => {
    at += (interval * BigInt(pause)) / 100n
    const verdict = judge(quota, tat, Number(at) / ticksPerMs)
    tat = verdict.tat
    return { at, allowed: verdict.allowed }
  })
  return { interval, passed }
}

t.test('it lets through exactly what a token bucket lets through', async (t) => {
  fc.assert(
    fc.property(scenario, (drawn) => {
      const { interval, passed } = run(drawn)
      const bucket = new Bucket(drawn.burst, interval)
      for (const { at, allowed } of passed) {
        if (bucket.take(at) !== allowed) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.pass('for 500 drawn scenarios')
})

t.test('in no interval does more pass than the burst and what the rate gives in that time', async (t) => {
  fc.assert(
    fc.property(scenario, (drawn) => {
      const { interval, passed } = run(drawn)
      const times = passed.filter(({ allowed }) => allowed).map(({ at }) => at)
      for (const [first, from] of times.entries()) {
        for (let last = first; last < times.length; last++) {
          const count = BigInt(last - first + 1)
          const length = (times[last] ?? from) - from
          if (count * interval > BigInt(drawn.burst) * interval + length) return false
        }
      }
      return true
    }),
    { numRuns: 200 },
  )
  t.pass('for 200 drawn scenarios')
})

t.test('what it says is left passes at once, and one more does not', async (t) => {
  fc.assert(
    fc.property(scenario, ({ rate, burst, start, pauses }) => {
      const quota = quotaOf(rate, burst)
      let tat = 0
      let now = start
      for (const pause of pauses) {
        now += (quota.interval * pause) / 100
        const verdict = judge(quota, tat, now)
        tat = verdict.tat
        let probe = tat
        for (let left = verdict.remaining; left > 0; left--) {
          const next = judge(quota, probe, now)
          if (!next.allowed) return false
          probe = next.tat
        }
        if (judge(quota, probe, now).allowed) return false
      }
      return true
    }),
    { numRuns: 200 },
  )
  t.pass('for 200 drawn scenarios')
})

t.test('whoever comes when it says is let through, and whoever comes a tick earlier is not', async (t) => {
  fc.assert(
    fc.property(scenario, ({ rate, burst, start }) => {
      const quota = quotaOf(rate, burst)
      let tat = 0
      for (let request = 0; request < burst; request++) tat = judge(quota, tat, start).tat
      const { allowed, retryAfterMs } = judge(quota, tat, start)
      const then = start + retryAfterMs
      return !allowed && judge(quota, tat, then).allowed && !judge(quota, tat, then - 1 / ticksPerMs).allowed
    }),
  )
  t.pass('for 100 drawn scenarios')
})

t.test('in the long run the rate is the one that was configured', async (t) => {
  for (const rate of [1 / 60, 1 / 3, 7, 100, 3_333, 10_000]) {
    const quota = quotaOf(rate, 1)
    t.ok(Math.abs((1_000 / quota.interval - rate) / rate) < 1e-5, `${rate}/s`)
  }
})
