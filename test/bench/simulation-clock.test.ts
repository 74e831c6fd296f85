import t from 'tap'
import { SimulationClock } from '../../bench/fleet/simulation-clock.ts'

t.test(
  'timers run at the first tick at or after their time, and promises settle between ticks',
  async (t) => {
    const clock = new SimulationClock(10_000, 25)
    const story: string[] = []
    clock.setTimer(() => {
      story.push(`first at ${clock.now()}`)
      void Promise.resolve()
        .then(() => {})
        .then(() => story.push(`settled at ${clock.now()}`))
    }, 30)
    clock.setTimer(() => story.push(`second at ${clock.now()}`), 75)
    await clock.runUntil(1_000)
    t.strictSame(story, ['first at 50', 'settled at 50', 'second at 75'])
  },
)

t.test('a timer that is set while timers run waits for the next tick at least', async (t) => {
  const clock = new SimulationClock(10_000, 25)
  const times: number[] = []
  clock.setTimer(() => {
    times.push(clock.now())
    clock.setTimer(() => times.push(clock.now()), 0)
  }, 25)
  await clock.runUntil(1_000)
  t.strictSame(times, [25, 50])
})

t.test('a cancelled timer never runs, and takes none of its neighbours along', async (t) => {
  const clock = new SimulationClock(10_000, 25)
  const ran = new Set<string>()
  const timers = ['a', 'b', 'c', 'd'].map((name) => clock.setTimer(() => ran.add(name), 25))
  timers[1]?.cancel()
  timers[3]?.cancel()
  timers[3]?.cancel()
  await clock.runUntil(1_000)
  t.strictSame([...ran].sort(), ['a', 'c'])
  timers[0]?.cancel()
})

t.test('a timer that is cancelled by one of the same tick does not run after it', async (t) => {
  const clock = new SimulationClock(10_000, 25)
  let ran = 0
  const timers = [0, 1].map((at) =>
    clock.setTimer(() => {
      ran += 1
      timers[1 - at]?.cancel()
    }, 25),
  )
  await clock.runUntil(1_000)
  t.equal(ran, 1)
})

t.test('nothing runs beyond the end, and the wall clock goes along', async (t) => {
  const clock = new SimulationClock(1_000, 25, 5_000)
  let ran = 0
  const beyond = clock.setTimer(() => {
    ran += 1
  }, 2_000)
  clock.setTimer(() => {
    t.equal(clock.wall(), 5_100)
  }, 100)
  await clock.runUntil(60_000)
  beyond.cancel()
  t.equal(ran, 0)
})
