import t from 'tap'
import { endsWithin, systemClock } from '../../src/secrets/clock.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Node's timer for the length of a test: fires when the test says so, and shows what it was asked for. */
function intercept(t: { teardown(fn: () => void): unknown }) {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  const asked: number[] = []
  const cleared: unknown[] = []
  let fire = (): void => {}
  const timer = { unref: () => timer }
  Object.assign(globalThis, {
    setTimeout: (fn: () => void, ms: number) => {
      asked.push(ms)
      fire = fn
      return timer
    },
    clearTimeout: (cancelled: unknown) => cleared.push(cancelled),
  })
  const restore = (): void => void Object.assign(globalThis, real)
  t.teardown(restore)
  return { asked, cleared, fire: () => fire(), restore }
}

t.test('a wait longer than a timer of Node can carry is made of several', (t) => {
  const { asked, fire, restore } = intercept(t)
  const longest = 2 ** 31 - 1
  let ran = 0
  systemClock.setTimer(
    () => {
      ran += 1
    },
    2 * longest + 1_000,
  )
  fire()
  fire()
  const before = ran
  fire()
  restore()
  t.same(asked, [longest, longest, 1_000])
  t.same([before, ran], [0, 1])
  t.end()
})

t.test('a wait of less than nothing is none', (t) => {
  const { asked, restore } = intercept(t)
  systemClock.setTimer(() => {}, -5)
  restore()
  t.same(asked, [0])
  t.end()
})

t.test('cancelling ends the part of the wait that is under way', (t) => {
  const { cleared, fire, restore } = intercept(t)
  const timer = systemClock.setTimer(() => {}, 2 ** 32)
  fire()
  timer.cancel()
  restore()
  t.equal(cleared.length, 1)
  t.end()
})

t.test('the system clock goes forward, and knows the date', async (t) => {
  const before = systemClock.now()
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => {}, 1_000)
    systemClock.setTimer(() => {
      clearInterval(keepAlive)
      resolve()
    }, 1)
  })
  t.ok(systemClock.now() > before)
  t.ok(systemClock.wall() > Date.UTC(2025, 0, 1))
})

t.test('a date that is set anew does not move the system clock', async (t) => {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  const before = systemClock.now()
  for (const days of [1, -1]) {
    Date.now = () => now() + days * 24 * 60 * 60_000
    const passed = systemClock.now() - before
    t.ok(passed >= 0 && passed < 60_000, `${passed} ms`)
  }
})

t.test('work ends within its time or not, and its failure comes through', async (t) => {
  const clock = new VirtualClock()
  t.equal(await endsWithin(clock, 100, Promise.resolve()), true)
  const hangs = endsWithin(clock, 100, new Promise(() => {}))
  await clock.advance(100)
  t.equal(await hangs, false)
  await t.rejects(endsWithin(clock, 100, Promise.reject(new Error('it failed'))), /it failed/)
  const late = Promise.withResolvers<void>()
  const given = endsWithin(clock, 100, late.promise)
  await clock.advance(100)
  t.equal(await given, false)
  late.reject(new Error('late, and handled'))
  t.equal(clock.pending, 0, 'no timer is left behind')
})
