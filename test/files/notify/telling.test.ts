import { inspect } from 'node:util'
import t from 'tap'
import { NotifyError } from '../../../src/files/notify/error.ts'
import { Telling } from '../../../src/files/notify/telling.ts'
import fc from '../../support/property.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import type { Told } from './support.ts'

interface Attempt {
  readonly at: number
  readonly changed: readonly string[]
}

/** One notification whose teller takes `takes` ms and fails while `fails` says so. */
function rig(
  debounceMs: number,
  takes: (attempt: number) => number = () => 0,
  fails: (attempt: number) => boolean = () => false,
) {
  const clock = new VirtualClock()
  const attempts: Attempt[] = []
  const events: Told[] = []
  let underWay = 0
  let most = 0
  const telling = new Telling({
    path: '/shared/app.json',
    index: 0,
    debounceMs,
    clock,
    random: () => 0.5,
    observer: { told: (event) => events.push(event) },
    teller: {
      kind: 'http',
      async tell({ changed }, signal) {
        const attempt = attempts.push({ at: clock.now(), changed })
        most = Math.max(most, ++underWay)
        const { promise, resolve } = Promise.withResolvers<void>()
        const timer = clock.setTimer(resolve, takes(attempt))
        signal.addEventListener('abort', () => resolve())
        await promise
        timer.cancel()
        underWay--
        if (fails(attempt)) throw new NotifyError('status', 'refused', 'do better')
      },
    },
  })
  return { clock, attempts, events, telling, most: () => most }
}

t.test(
  'it is told a debounce after the last change, and ten times that after the first at the most',
  async (t) => {
    const { clock, attempts, telling } = rig(1000)
    for (let n = 0; n < 3; n++) {
      telling.changed([`s${n}`])
      await clock.advance(600)
    }
    await clock.advance(1000)
    t.strictSame(attempts, [{ at: 2200, changed: ['s0', 's1', 's2'] }])
    const first = clock.now()
    for (let n = 0; n < 25; n++) {
      telling.changed(['x'])
      await clock.advance(500)
    }
    t.equal(attempts[1]?.at, first + 10_000)
  },
)

t.test('without a debounce it is told at once', async (t) => {
  const { attempts, telling, clock } = rig(0)
  telling.changed(['a'])
  t.equal(attempts.length, 1)
  await clock.advance(0)
  telling.changed(['b'])
  t.strictSame(attempts.at(-1)?.changed, ['b'])
})

t.test('changes during a telling make one more, after it', async (t) => {
  const { clock, attempts, telling, most } = rig(100, () => 5000)
  telling.changed(['a'])
  await clock.advance(100)
  for (const name of ['b', 'c', 'b']) {
    telling.changed([name])
    await clock.advance(1000)
  }
  await clock.advance(20_000)
  t.strictSame(attempts, [
    { at: 100, changed: ['a'] },
    { at: 5100, changed: ['b', 'c'] },
  ])
  t.equal(most(), 1)
})

t.test('a failure is tried again with backoff, and given up after ten minutes', async (t) => {
  const { clock, attempts, events, telling } = rig(
    0,
    () => 0,
    () => true,
  )
  telling.changed(['a'])
  await clock.advance(3_600_000)
  const gaps = attempts.slice(1).map(({ at }, index) => at - (attempts[index]?.at ?? 0))
  t.strictSame(gaps.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  t.ok((attempts.at(-1)?.at ?? 0) <= 600_000)
  t.ok((attempts.at(-1)?.at ?? 0) >= 540_000)
  t.strictSame(new Set(events.slice(0, -1).map(({ outcome }) => outcome)), new Set(['failed']))
  t.match(events.at(-1), { outcome: 'given-up', attempt: attempts.length, error: { reason: 'status' } })
  t.equal(clock.pending, 0)
  telling.changed(['b'])
  await clock.advance(0)
  t.strictSame(attempts.at(-1)?.changed, ['a', 'b'], 'what was given up is told with the next change')
  t.match(events.at(-1), { outcome: 'failed', attempt: 1 })
})

t.test('a change takes the place of what was to be tried again, and its names are merged', async (t) => {
  const { clock, attempts, events, telling } = rig(
    2000,
    () => 0,
    (attempt) => attempt === 1,
  )
  telling.changed(['a'])
  await clock.advance(2000)
  t.match(events, [{ outcome: 'failed', nextTryMs: 500 }])
  telling.changed(['b'])
  await clock.advance(60_000)
  t.strictSame(attempts.slice(1), [{ at: 4000, changed: ['a', 'b'] }])
  t.match(events[1], { outcome: 'ok', attempt: 1 })
})

t.test('of an error that nobody foresaw nothing is told but its kind', async (t) => {
  const clock = new VirtualClock()
  const events: Told[] = []
  const telling = new Telling({
    path: '/shared/app.json',
    index: 0,
    debounceMs: 0,
    clock,
    random: () => 0.5,
    observer: { told: (event) => events.push(event) },
    teller: { kind: 'exec', tell: () => Promise.reject(new TypeError('CANARY-value')) },
  })
  telling.changed(['a'])
  await settle()
  t.match(events, [{ outcome: 'failed', error: { reason: 'io', message: /\(TypeError\)$/ } }])
  t.notMatch(inspect(events), 'CANARY')
  await telling.close()
})

t.test('nothing is told after closing, and no timer is left', async (t) => {
  for (const [wait, fails] of [
    [0, false],
    [100, true],
  ] as const) {
    const { clock, attempts, telling } = rig(
      100,
      () => 0,
      () => fails,
    )
    telling.changed(['a'])
    await clock.advance(wait)
    const before = attempts.length
    await telling.close()
    telling.changed(['b'])
    await clock.advance(3_600_000)
    t.equal(attempts.length, before)
    t.equal(clock.pending, 0)
    t.strictSame(telling.untold, ['a'])
  }
})

t.test('whatever the changes: each is told at last, one telling at a time, within the bounds', async (t) => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 3000 }),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(0, 50, 1000),
      fc.array(fc.record({ takes: fc.integer({ min: 0, max: 4000 }), fails: fc.boolean() }), {
        maxLength: 8,
      }),
      async (steps, debounceMs, fates) => {
        const fate = (attempt: number) => fates[attempt - 1] ?? { takes: 0, fails: false }
        const { clock, attempts, telling, most } = rig(
          debounceMs,
          (attempt) => fate(attempt).takes,
          (attempt) => fate(attempt).fails,
        )
        const changes: Attempt[] = []
        for (const { wait, name } of steps) {
          await clock.advance(wait)
          changes.push({ at: clock.now(), changed: [name] })
          telling.changed([name])
          await settle()
        }
        await clock.advance(120_000)
        const succeeded = attempts.filter((_attempt, index) => !fate(index + 1).fails)
        for (const { at, changed } of changes) {
          const [name = ''] = changed
          const told = succeeded.find((attempt) => attempt.at >= at && attempt.changed.includes(name))
          if (told === undefined) throw new Error(`${name} of ${at} was never told`)
          if (fates.length === 0 && told.at - at > 10 * debounceMs) throw new Error('told too late')
        }
        for (const { at } of attempts.slice(0, fates.length === 0 ? undefined : 1)) {
          const quiet = changes.filter((change) => change.at < at && change.at > at - debounceMs)
          const firstAt = changes[0]?.at ?? 0
          // A change within the debounce means that ten of them were over.
          if (fates.length === 0 && quiet.length > 0 && at - firstAt < 10 * debounceMs) {
            throw new Error('told too early')
          }
        }
        if (most() > 1) throw new Error('two tellings at a time')
        if (telling.untold.length > 0 || clock.pending > 0) throw new Error('something is left')
      },
    ),
    { numRuns: 60 },
  )
  t.pass()
})
