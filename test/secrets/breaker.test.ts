import t from 'tap'
import type { BreakerCause } from '../../src/secrets/breaker.ts'
import { Breaker } from '../../src/secrets/breaker.ts'
import type { Random } from '../../src/secrets/clock.ts'
import type { ProviderErrorKind } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { Verdict } from '../../src/secrets/verdict.ts'
import { verdictOf } from '../../src/secrets/verdict.ts'
import { hour, minute, second } from '../support/heart-rig.ts'
import fc from '../support/property.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

type Said = Verdict['said']

/** A breaker with a record of what it told. */
class Bench {
  readonly clock = new VirtualClock()
  readonly changes: string[] = []
  readonly openings: number[] = []
  readonly doubts: number[] = []
  readonly breaker: Breaker

  constructor(random: Random = () => 0.5) {
    this.breaker = new Breaker({
      name: 'p',
      clock: this.clock,
      random,
      changed: ({ cause, open, nextProbeMs }) =>
        this.changes.push(open ? `open for ${cause}, ${nextProbeMs}` : `closed after ${cause}`),
      opened: (probeAt) => this.openings.push(probeAt),
      undecided: (since) => this.doubts.push(since),
    })
  }

  /** A call for a key that ends at once. Returns whether it was let through. */
  call(key: string, said: Said | Verdict, forced = false): boolean {
    this.breaker.know(key)
    if (this.breaker.refusal([key], forced) !== undefined) return false
    this.breaker.begin([key])(verdict(said))
    return true
  }

  fail(said: 'unavailable' | 'denied', keys: readonly string[], calls: number): void {
    for (let at = 0; at < calls; at += 1) this.call(keys[at % keys.length] ?? '', said)
  }

  /** Moves the clock to the next probe. */
  async toProbe(): Promise<void> {
    await this.clock.advance((this.breaker.probeAt ?? 0) - this.clock.now())
  }
}

function verdict(said: Said | Verdict, retryAfterMs?: number): Verdict {
  if (typeof said !== 'string') return said
  if (said === 'unavailable' || said === 'denied' || said === 'throttled') return failure(said, retryAfterMs)
  return { said }
}

function failure(kind: ProviderErrorKind, retryAfterMs?: number): Verdict {
  return verdictOf(new ProviderError(kind, 'status', `it says ${kind}`, { retryAfterMs }))
}

const five = ['a', 'b', 'c', 'd', 'e']

t.test('five calls in a row that found the provider unavailable open it', async (t) => {
  const bench = new Bench()
  bench.fail('unavailable', five, 4)
  t.equal(bench.breaker.state, 'closed')
  bench.fail('unavailable', ['e'], 1)
  t.equal(bench.breaker.state, 'open')
  t.same(bench.changes, ['open for unavailable, 500'])
  t.same(bench.openings, [500])
  t.same([bench.breaker.cause, bench.breaker.probeAt], ['unavailable', 500])
})

t.test('any answer in between begins the count anew; what speaks of one value only does not', async (t) => {
  for (const said of ['answer', 'something', 'denied', 'throttled'] as const) {
    const bench = new Bench()
    bench.fail('unavailable', five, 4)
    bench.call('a', said)
    bench.fail('unavailable', five, 4)
    t.equal(bench.breaker.state, 'closed', said)
  }
  for (const said of ['one-value', 'nothing'] as const) {
    const bench = new Bench()
    bench.fail('unavailable', five, 4)
    bench.call('a', said)
    t.equal(bench.breaker.state, 'closed', said)
    bench.fail('unavailable', ['e'], 1)
    t.equal(bench.breaker.state, 'open', said)
  }
})

t.test('as many keys must have failed as there are, up to five', async (t) => {
  const alone = new Bench()
  alone.fail('unavailable', ['a'], 5)
  t.equal(alone.breaker.state, 'open', 'the only key speaks for all')
  const two = new Bench()
  two.breaker.know('good')
  two.fail('unavailable', ['a'], 100)
  t.equal(two.breaker.state, 'closed')
  two.fail('unavailable', ['good'], 1)
  t.equal(two.breaker.state, 'open')
  const list = new Bench()
  list.breaker.know(undefined)
  for (let at = 0; at < 5; at += 1) list.breaker.begin([undefined])(verdict('unavailable'))
  t.equal(list.breaker.state, 'open', 'a list is one key')
})

t.test('a key that is asked for no more keeps it from opening no longer', async (t) => {
  const bench = new Bench()
  for (const key of five) bench.call(key, 'answer')
  bench.fail('denied', ['a'], 100)
  t.equal(bench.breaker.state, 'closed', 'the others may still be served')
  for (const key of ['b', 'c', 'd', 'e']) bench.breaker.forget(key)
  bench.fail('denied', ['a'], 1)
  t.equal(bench.breaker.state, 'open', 'it speaks for all that are left')
  t.ok(bench.call('f', 'answer'), 'and yet not for one that comes later')
  t.equal(bench.breaker.state, 'closed')
})

t.test('what failed goes on counting when it is asked for no more, but not against others', async (t) => {
  const bench = new Bench()
  for (const key of ['x', 'y', 'z']) {
    bench.fail('denied', [key], 1)
    bench.breaker.forget(key)
  }
  t.equal(bench.breaker.state, 'open', 'names that come and go tell of a refused credential too')
  const two = new Bench()
  two.fail('denied', ['x', 'y'], 3)
  for (const key of ['x', 'y']) two.breaker.forget(key)
  t.equal(two.breaker.state, 'open')
  t.ok(two.call('good', 'answer'), 'two bad keys do not keep a good one waiting')
})

t.test(
  'while it is undecided whether a credential is refused, it asks for other keys after a time',
  async (t) => {
    const bench = new Bench()
    for (const key of ['good', 'other', 'bad']) bench.breaker.know(key)
    bench.call('bad', 'denied')
    await bench.clock.advance(10 * minute - 1)
    bench.fail('denied', ['bad'], 10)
    t.same(bench.doubts, [], 'the others may come by themselves')
    await bench.clock.advance(1)
    bench.fail('denied', ['bad'], 1)
    t.same(bench.doubts, [0], 'and it says from when on nobody has answered')
    bench.fail('unavailable', ['bad'], 10)
    t.same(bench.doubts, [0], 'a provider that is down is left alone by each key')
    bench.call('good', 'answer')
    bench.fail('denied', ['bad'], 3)
    t.same(bench.doubts, [0], 'an answer decides')
    await bench.clock.advance(10 * minute)
    bench.fail('denied', ['good'], 1)
    t.same(bench.doubts, [0, 10 * minute])
    bench.fail('denied', ['other'], 1)
    t.equal(bench.breaker.state, 'open')
    t.equal(bench.doubts.length, 2, 'that decides too')
  },
)

t.test('a call for many keys counts once, with all of its keys', async (t) => {
  const bench = new Bench()
  for (const key of five) bench.breaker.know(key)
  for (let at = 0; at < 4; at += 1) bench.breaker.begin(five)(verdict('unavailable'))
  t.equal(bench.breaker.state, 'closed')
  bench.breaker.begin(five)(verdict('unavailable'))
  t.equal(bench.breaker.state, 'open')
})

t.test('three calls in a row that were denied open it, whatever was unavailable between them', async (t) => {
  const bench = new Bench()
  for (const key of five) bench.breaker.know(key)
  bench.fail('denied', ['a', 'b'], 2)
  bench.call('c', 'unavailable')
  bench.call('c', 'throttled')
  bench.call('c', 'something')
  bench.fail('denied', ['b'], 1)
  t.equal(bench.breaker.state, 'closed', 'two keys are not enough')
  bench.fail('denied', ['c'], 1)
  t.same(bench.changes, ['open for denied, 22500'])
  const good = new Bench()
  good.fail('denied', ['a', 'b'], 2)
  good.call('c', 'answer')
  good.fail('denied', ['a', 'b'], 2)
  t.equal(good.breaker.state, 'closed')
})

t.test('what is refused is told why, and when to come again', async (t) => {
  const bench = new Bench()
  bench.fail('unavailable', five, 5)
  await bench.clock.advance(100)
  const error = bench.breaker.refusal(['a'], false)
  t.match(error, { kind: 'unavailable', reason: 'circuit-open', retryAfterMs: 400 })
  t.match(error?.message, /^p kept failing .*circuit open.* it says unavailable$/)
  await bench.clock.advance(400)
  bench.breaker.begin(['a'])
  t.equal(bench.breaker.state, 'half-open')
  t.equal(bench.breaker.probeAt, undefined)
  t.match(bench.breaker.refusal(['b'], true), { reason: 'circuit-open', retryAfterMs: second })
  const auth = new Bench()
  auth.fail('denied', five, 3)
  t.match(auth.breaker.refusal(['a'], false), { kind: 'denied', message: /credential.* it says denied$/ })
})

t.test(
  'the gaps between probes double, up to a minute or ten, and draw from all or half of it',
  async (t) => {
    const gaps = async (said: 'unavailable' | 'denied', random: Random): Promise<number[]> => {
      const bench = new Bench(random)
      bench.fail(said, five, 5)
      for (let probe = 0; probe < 9; probe += 1) {
        await bench.toProbe()
        bench.call('a', said)
      }
      return bench.openings.map((at, index) => at - (bench.openings[index - 1] ?? 0))
    }
    const least = (): number => 0
    const most = (): number => 1
    t.same(
      await gaps('unavailable', most),
      [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map((s) => s * second),
    )
    t.same(await gaps('unavailable', least), Array(10).fill(100))
    t.same(
      await gaps('denied', most),
      [0.5, 1, 2, 4, 8, 10, 10, 10, 10, 10].map((m) => m * minute),
    )
    t.same(
      await gaps('denied', least),
      [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5, 5].map((m) => m * minute),
    )
  },
)

t.test('a Retry-After that is longer wins, within an hour', async (t) => {
  for (const [asked, gap] of [
    [10 * second, 10 * second],
    [1, 500],
    [Number.NaN, 500],
    [-5, 500],
    [24 * hour, hour],
    [Number.POSITIVE_INFINITY, hour],
  ] as const) {
    const bench = new Bench()
    bench.fail('unavailable', five, 4)
    bench.call('e', failure('unavailable', asked))
    t.same(bench.openings, [gap], `${asked}`)
  }
})

t.test(
  'for unavailable any answer to the probe closes it, and the next gap is the first again',
  async (t) => {
    for (const said of ['answer', 'something', 'denied', 'throttled', 'one-value'] as const) {
      const bench = new Bench()
      bench.fail('unavailable', five, 5)
      await bench.toProbe()
      bench.call('a', 'unavailable')
      t.same(bench.openings, [500, 1_500])
      await bench.toProbe()
      bench.call('a', said)
      t.same(bench.changes, ['open for unavailable, 500', 'closed after unavailable'], said)
      bench.fail('unavailable', five, 4)
      t.equal(bench.breaker.state, 'closed', 'and it takes five again')
      bench.fail('unavailable', ['e'], 1)
      t.equal(bench.changes.at(-1), 'open for unavailable, 500')
    }
  },
)

t.test('for denied only a real answer closes it; what tells nothing leaves the gap as it is', async (t) => {
  const bench = new Bench()
  bench.fail('denied', five, 3)
  for (const said of ['unavailable', 'throttled', 'something', 'one-value'] as const) {
    await bench.toProbe()
    const now = bench.clock.now()
    bench.call('a', said)
    t.equal((bench.openings.at(-1) ?? 0) - now, 22_500, said)
  }
  await bench.toProbe()
  bench.call('a', 'answer')
  t.equal(bench.breaker.state, 'closed')
  t.same(bench.changes, ['open for denied, 22500', 'closed after denied'])
})

t.test('an outage that ends in a refused credential changes the cause without closing', async (t) => {
  const bench = new Bench()
  bench.breaker.know('a')
  const denials = ['x', 'y'].map((key) => bench.breaker.begin([key]))
  bench.fail('unavailable', ['a'], 5)
  await bench.toProbe()
  const probe = bench.breaker.begin(['a'])
  for (const end of denials) end(verdict('denied'))
  t.equal(bench.breaker.state, 'closed', 'an answer is an answer, whoever gets it')
  probe(verdict('denied'))
  t.same(bench.changes, ['open for unavailable, 500', 'closed after unavailable', 'open for denied, 22500'])

  const direct = new Bench()
  direct.fail('denied', ['a'], 2)
  direct.fail('unavailable', ['a'], 5)
  await direct.toProbe()
  direct.call('a', 'denied')
  t.same(direct.changes, ['open for unavailable, 500', 'open for denied, 22500'])
})

t.test('a probe that was given up by us gives its right back', async (t) => {
  const bench = new Bench()
  bench.fail('unavailable', five, 5)
  await bench.toProbe()
  const probe = bench.breaker.begin(['a'])
  t.ok(bench.breaker.refusal(['b'], false))
  probe({ said: 'nothing' })
  t.equal(bench.breaker.state, 'open')
  t.notOk(bench.breaker.refusal(['b'], false))
})

t.test(
  'calls that began before it opened neither probe nor lengthen the gap; their answers close it',
  async (t) => {
    const bench = new Bench()
    const before = [1, 2, 3].map(() => bench.breaker.begin(['a']))
    bench.fail('unavailable', five, 5)
    before[0]?.(verdict('unavailable'))
    before[1]?.({ said: 'one-value' })
    t.same([bench.breaker.state, bench.openings], ['open', [500]])
    before[2]?.(verdict('answer'))
    t.equal(bench.breaker.state, 'closed')
  },
)

t.test('a forced call probes ahead of time, once a second, and puts nothing off', async (t) => {
  const bench = new Bench(() => 0.999)
  bench.fail('unavailable', five, 5)
  for (let probe = 0; probe < 4; probe += 1) {
    await bench.toProbe()
    bench.call('a', 'unavailable')
  }
  const { probeAt } = bench.breaker
  const through: number[] = []
  for (let tenths = 0; tenths < 30; tenths += 1) {
    await bench.clock.advance(100)
    if (bench.call('a', 'unavailable', true)) through.push(tenths)
  }
  t.same(through, [9, 19, 29])
  t.equal(bench.breaker.probeAt, probeAt)
  t.equal(bench.openings.at(-1), probeAt, 'told again, for the call that was planned for it may be gone')
  t.notOk(bench.call('a', 'answer'), 'who does not force waits')
  await bench.clock.advance(second)
  t.ok(bench.call('a', 'answer', true))
  t.equal(bench.breaker.state, 'closed')
})

t.test('a refused credential is tried at most every ten seconds, however often it is forced', async (t) => {
  const bench = new Bench()
  bench.fail('denied', five, 3)
  const through: number[] = []
  for (let s = 0; s < 22; s += 1) {
    if (bench.call('a', 'denied', true)) through.push(s)
    await bench.clock.advance(second)
  }
  t.same(through, [0, 10, 20])
})

t.test(
  'a forced probe that takes long may end after the planned time; then there is a gap all the same',
  async (t) => {
    const bench = new Bench()
    bench.fail('unavailable', five, 5)
    const probe = bench.breaker.begin(['a'])
    await bench.clock.advance(10 * second)
    probe(verdict('unavailable'))
    t.equal(bench.breaker.probeAt, 11 * second)
  },
)

t.test('opened by the one key there was, it hears a new one at once', async (t) => {
  const bench = new Bench()
  bench.fail('unavailable', ['bad'], 5)
  t.ok(bench.breaker.refusal(['bad'], false))
  t.ok(bench.call('good', 'answer'))
  t.equal(bench.breaker.state, 'closed')
  bench.fail('unavailable', ['bad'], 100)
  t.equal(bench.breaker.state, 'closed')

  const down = new Bench()
  down.fail('unavailable', ['0'], 5)
  const heard = Array.from({ length: 1_000 }, (_, at) => down.call(`${at}`, 'unavailable'))
  t.equal(heard.filter(Boolean).length, 4, 'names chosen at random cost an outage four calls')
})

type Step =
  | { readonly do: 'call'; readonly key: number; readonly forced: boolean }
  | { readonly do: 'end'; readonly at: number }
  | { readonly do: 'era'; readonly said: Said }
  | { readonly do: 'wait'; readonly ms: number }

const said = fc.constantFrom<Said>(
  'answer',
  'unavailable',
  'unavailable',
  'denied',
  'denied',
  'throttled',
  'something',
  'one-value',
  'nothing',
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('call'), key: fc.nat(7), forced: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('end'), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('era'), said }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.oneof(fc.nat(900), fc.nat(20 * minute)) }),
  },
)

t.test(
  'whatever happens there is one probe at a time, and none ahead of its time that may not be',
  async (t) => {
    let histories = 0
    const property = fc.asyncProperty(fc.array(step, { minLength: 100, maxLength: 300 }), async (steps) => {
      const bench = new Bench()
      const { breaker, clock } = bench
      const underWay: ((verdict: Verdict) => void)[] = []
      for (let key = 0; key < 8; key += 1) breaker.know(`${key}`)
      let lastProbeAt = Number.NEGATIVE_INFINITY
      let era: Said = 'answer'
      for (const each of steps) {
        if (each.do === 'wait') await clock.advance(each.ms)
        else if (each.do === 'era') era = each.said
        else if (each.do === 'end') {
          const [call] = underWay.splice(each.at % Math.max(1, underWay.length), 1)
          call?.(verdict(era))
        } else {
          const key = `${each.key}`
          const { state, cause, probeAt } = breaker
          const refusal = breaker.refusal([key], each.forced)
          if (refusal !== undefined) {
            if (state === 'closed') throw new Error('refused while closed')
            if (!((refusal.retryAfterMs ?? 0) > 0))
              throw new Error(`come again after ${refusal.retryAfterMs}`)
            continue
          }
          if (state === 'half-open') throw new Error('let through while a probe is under way')
          if (state === 'open') {
            const now = clock.now()
            const sinceProbe = now - lastProbeAt
            lastProbeAt = now
            if (now < (probeAt ?? 0) && !each.forced) throw new Error('let through ahead of time')
            if (now < (probeAt ?? 0) && sinceProbe < (cause === 'denied' ? 10 * second : second))
              throw new Error(`forced again after ${sinceProbe} ms`)
          }
          underWay.push(breaker.begin([key]))
          if (state === 'open' && breaker.state !== 'half-open')
            throw new Error('the probe is not known as such')
        }
        const open = breaker.state !== 'closed'
        if (open !== (breaker.cause !== undefined)) throw new Error('a cause goes with being open')
        if (breaker.state === 'open' && breaker.probeAt === undefined) throw new Error('open for ever')
      }
      // When the cause is over, the probe finds out.
      for (const end of underWay) end({ said: 'nothing' })
      if (breaker.state === 'open') {
        await bench.toProbe()
        if (!bench.call('0', 'answer')) throw new Error('no probe at its time')
      }
      if (breaker.state !== 'closed') throw new Error(`still ${breaker.state}`)
      const opened = bench.changes.filter((change) => change.startsWith('open')).length
      const closed = bench.changes.filter((change) => change.startsWith('closed')).length
      histories += Math.sign(opened)
      if (closed > opened || (opened > 0 && closed === 0)) throw new Error(bench.changes.join(', '))
    })
    await fc.assert(property, { numRuns: 300, includeErrorInReport: true })
    t.ok(histories > 100, `${histories} of 300 histories opened it`)
  },
)

t.test('a few bad keys among good ones never open it', async (t) => {
  const property = fc.property(
    fc.constantFrom<BreakerCause>('unavailable', 'denied'),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.nat(100), { maxLength: 300 }),
    (cause, bad, good, calls) => {
      const keys = bad + good
      const few = cause === 'denied' ? Math.min(bad, 2) : bad
      const bench = new Bench()
      for (let key = 0; key < keys; key += 1) bench.breaker.know(`${key}`)
      for (const call of calls) {
        // Bad keys are asked for more often: they are retried.
        const key = call < 90 ? call % few : few + (call % (keys - few))
        if (!bench.call(`${key}`, key < few ? cause : 'answer')) throw new Error('refused')
      }
      if (bench.changes.length > 0) throw new Error(bench.changes.join(', '))
    },
  )
  fc.assert(property, { numRuns: 500, includeErrorInReport: true })
  t.pass()
})
