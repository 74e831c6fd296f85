import t from 'tap'
import type { CallLimits, Urgency } from '../../src/secrets/ask.ts'
import type { Place } from '../../src/secrets/permits.ts'
import { nowhere, Permits } from '../../src/secrets/permits.ts'
import { StormClock } from '../support/heart-clock.ts'
import fc from '../support/property.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const ample: CallLimits = { maxCallsPerSecond: 1_000_000, maxConcurrentCalls: 1_000, maxQueuedCalls: 1_000 }

/** Permits with a record of who started when, and who gave up. */
class Desk {
  readonly permits: Permits
  readonly started: string[] = []
  readonly times: number[] = []
  readonly gaveUp: string[] = []
  readonly full: string[] = []
  /** Those who find that there is nothing to wait for any more. */
  readonly unwanted = new Set<string>()
  readonly #clock: VirtualClock | StormClock

  constructor(clock: VirtualClock | StormClock, limits: Partial<CallLimits>) {
    this.#clock = clock
    this.permits = new Permits(clock, { ...ample, ...limits })
  }

  queue(name: string, urgency: Urgency, patienceMs?: number): Place {
    const place = this.permits.queue({
      urgency,
      patienceMs,
      turnedAway: () => this.unwanted.has(name),
      start: () => {
        this.started.push(name)
        this.times.push(this.#clock.now())
      },
      gaveUp: () => this.gaveUp.push(name),
    })
    if (place === undefined) this.full.push(name)
    return place ?? nowhere
  }

  /** Ends calls one after the other, so that each lets one more in. */
  end(calls: number): void {
    for (let ended = 0; ended < calls; ended += 1) this.permits.leave()
  }
}

t.test('so many calls go at a time, and the next when one of them ends', async (t) => {
  const desk = new Desk(new VirtualClock(), { maxConcurrentCalls: 2 })
  for (const name of ['a', 'b', 'c', 'd']) desk.queue(name, 'routine')
  t.same(desk.started, ['a', 'b'])
  desk.end(1)
  t.same(desk.started, ['a', 'b', 'c'])
  desk.end(2)
  t.same(desk.started, ['a', 'b', 'c', 'd'])
})

t.test('a second of calls goes at once, the rest at the pace of the rate, over one timer', async (t) => {
  const clock = new VirtualClock()
  const desk = new Desk(clock, { maxCallsPerSecond: 10 })
  for (let at = 0; at < 25; at += 1) desk.queue(`${at}`, 'routine')
  t.equal(desk.started.length, 10)
  t.equal(clock.pending, 1)
  await clock.advance(99)
  t.equal(desk.started.length, 10)
  await clock.advance(1)
  t.equal(desk.started.length, 11)
  await clock.advance(900)
  t.equal(desk.started.length, 20)
  await clock.advance(500)
  t.equal(desk.started.length, 25)
  t.equal(clock.pending, 0)
  await clock.advance(500)
  for (let at = 0; at < 25; at += 1) desk.queue(`later ${at}`, 'routine')
  t.equal(desk.started.length, 30, 'what was left unused is saved up')
})

t.test('a rate of one call a second lets one go at once', async (t) => {
  const clock = new VirtualClock()
  const desk = new Desk(clock, { maxCallsPerSecond: 1 })
  for (const name of ['a', 'b', 'c']) desk.queue(name, 'caller')
  await clock.advance(5_000)
  t.same(desk.times, [0, 1_000, 2_000])
})

t.test(
  'whatever the rate and whenever they come, no window sees more than burst + rate × time',
  async (t) => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 1_500 }),
      fc.array(
        fc.record({ wait: fc.integer({ min: 0, max: 700 }), calls: fc.integer({ min: 0, max: 40 }) }),
        {
          maxLength: 20,
        },
      ),
      async (rate, waves) => {
        const clock = new StormClock()
        const desk = new Desk(clock, { maxCallsPerSecond: rate })
        let asked = 0
        for (const { wait, calls } of waves) {
          await clock.advance(wait)
          for (let call = 0; call < calls; call += 1) desk.queue(`${asked + call}`, 'routine')
          asked += calls
        }
        await clock.advance(1_000 * (asked / rate + 1))
        if (desk.started.length !== asked) throw new Error(`${desk.started.length} of ${asked} went`)
        for (const [from, start] of desk.times.entries()) {
          const allowed = rate + (rate * ((desk.times.at(-1) ?? 0) - start)) / 1_000 + 1e-6
          if (desk.times.length - from > allowed) throw new Error(`${desk.times.length - from} from ${start}`)
        }
      },
    )
    await fc.assert(property, { numRuns: 60, includeErrorInReport: true })
    t.pass()
  },
)

t.test(
  'callers go first, then what is required, what expires, and the rest; in one line who came first',
  async (t) => {
    const desk = new Desk(new VirtualClock(), { maxConcurrentCalls: 1 })
    desk.queue('first', 'routine')
    desk.queue('r1', 'routine')
    desk.queue('e1', 'expiring')
    desk.queue('q1', 'required')
    desk.queue('c1', 'caller')
    desk.queue('c2', 'caller')
    desk.end(2)
    t.same(desk.started, ['first', 'c1', 'c2'])
    desk.end(3)
    t.same(desk.started.slice(3), ['q1', 'e1', 'r1'])
  },
)

t.test('thousands of callers leave each of the other lines a fifth of the permits', async (t) => {
  const desk = new Desk(new VirtualClock(), { maxConcurrentCalls: 1, maxQueuedCalls: 10_000 })
  for (let at = 0; at < 4_000; at += 1) desk.queue(`c${at}`, 'caller', 60_000)
  for (let at = 0; at < 100; at += 1) desk.queue(`e${at}`, 'expiring')
  for (let at = 0; at < 100; at += 1) desk.queue(`q${at}`, 'required')
  for (let at = 0; at < 100; at += 1) desk.queue(`r${at}`, 'routine')
  desk.end(500)
  const of = (letter: string): number => desk.started.filter((name) => name.startsWith(letter)).length
  t.same([of('q'), of('e'), of('r')], [100, 100, 100])
  t.equal(of('c'), 201)
  desk.end(10)
  t.equal(of('c'), 211, 'and nothing is kept free for who does not wait')
})

t.test('who hurries goes to the end of the more urgent line, and never to a less urgent one', async (t) => {
  const desk = new Desk(new VirtualClock(), { maxConcurrentCalls: 1 })
  desk.queue('first', 'routine')
  const place = desk.queue('r1', 'routine')
  const other = desk.queue('r2', 'routine')
  const caller = desk.queue('c1', 'caller')
  place.raise('caller')
  caller.raise('routine')
  other.raise('expiring')
  desk.end(3)
  t.same(desk.started, ['first', 'c1', 'r1', 'r2'])
  place.raise('caller')
  desk.end(1)
  t.equal(desk.started.length, 4, 'a place that was left is no place')
})

t.test('those whose patience is limited wait in a bounded queue, the others in any', async (t) => {
  const desk = new Desk(new VirtualClock(), { maxConcurrentCalls: 1, maxQueuedCalls: 2 })
  desk.queue('first', 'caller', 1_000)
  desk.queue('second', 'caller', 1_000)
  const third = desk.queue('third', 'caller', 1_000)
  desk.queue('fourth', 'caller', 1_000)
  t.same(desk.full, ['fourth'])
  for (let at = 0; at < 10; at += 1) desk.queue(`kept ${at}`, 'routine')
  third.waitFor(undefined)
  desk.queue('fifth', 'caller', 1_000)
  desk.queue('sixth', 'caller', 1_000)
  t.same(desk.full, ['fourth', 'sixth'], 'one of them has all the time now')
  desk.end(1)
  desk.queue('seventh', 'caller', 1_000)
  t.same(desk.full, ['fourth', 'sixth'], 'one of them has gone')
})

t.test('whose patience ends leaves the queue, and its place is free again', async (t) => {
  const clock = new VirtualClock()
  const desk = new Desk(clock, { maxConcurrentCalls: 1, maxQueuedCalls: 3 })
  desk.queue('first', 'caller')
  desk.queue('long', 'caller', 500)
  desk.queue('short', 'caller', 100)
  const extended = desk.queue('extended', 'caller', 100)
  extended.waitFor(50)
  extended.waitFor(300)
  await clock.advance(99)
  t.same(desk.gaveUp, [])
  await clock.advance(1)
  t.same(desk.gaveUp, ['short'])
  await clock.advance(200)
  t.same(desk.gaveUp, ['short', 'extended'])
  desk.queue('another', 'caller', 100)
  desk.end(2)
  await clock.advance(1_000)
  t.same(desk.started, ['first', 'long', 'another'])
  t.same(desk.gaveUp, ['short', 'extended'], 'who has gone gives nothing up')
})

t.test('ten thousand who wait with patience cost one timer, and leave in order', async (t) => {
  const clock = new StormClock()
  const desk = new Desk(clock, { maxConcurrentCalls: 1, maxQueuedCalls: 10_000 })
  for (let at = 0; at <= 10_000; at += 1) desk.queue(`${at}`, 'caller', 1_000 + (at % 100))
  await clock.advance(1_049)
  t.equal(desk.gaveUp.length, 5_000)
  await clock.advance(1_000)
  t.equal(desk.gaveUp.length, 10_000)
  desk.end(1)
  t.equal(desk.started.length, 1)
})

t.test('who is turned away when the turn comes costs neither room nor a token', async (t) => {
  const clock = new VirtualClock()
  const desk = new Desk(clock, { maxConcurrentCalls: 1, maxCallsPerSecond: 2 })
  for (const name of ['a', 'b', 'c', 'd']) desk.queue(name, 'routine')
  desk.unwanted.add('b').add('c')
  desk.end(1)
  t.same(desk.started, ['a', 'd'])
  t.equal(clock.now(), 0)
})

t.test('a sweep turns away at once all who have nothing to wait for', async (t) => {
  const clock = new VirtualClock()
  const desk = new Desk(clock, { maxConcurrentCalls: 1, maxQueuedCalls: 2 })
  desk.queue('first', 'routine')
  desk.queue('a', 'caller', 1_000)
  desk.queue('b', 'caller', 1_000)
  desk.queue('c', 'routine')
  desk.unwanted.add('a').add('b')
  desk.permits.sweep()
  desk.queue('d', 'caller', 1_000)
  desk.queue('e', 'caller', 1_000)
  t.same(desk.full, [], 'their places in the queue are free')
  desk.end(4)
  t.same(desk.started, ['first', 'd', 'e', 'c'])
  await clock.advance(2_000)
  t.same(desk.gaveUp, [])
  desk.permits.close()
  t.equal(clock.pending, 0)
})
