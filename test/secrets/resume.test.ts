import t from 'tap'
import type { Random } from '../../src/secrets/clock.ts'
import { resumeSpread, Schedule } from '../../src/secrets/schedule.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { NamedJobs } from '../support/named-jobs.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

function lcg(seed: number): Random {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

async function start(test: Parameters<typeof createRig>[0], secrets = 50) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => fetched('CANARY-1'))
  const rules = [
    ...Array.from({ length: secrets }, (_, at) => ruleOf(`s${at}`, { maxStaleMs: 5 * minute })),
    ruleOf('x/*', { maxStaleMs: 5 * minute }),
  ]
  const rig = createRig(test, { clock, backend, rules, random: lcg(6) })
  rig.refresher.start()
  await clock.advance(2 * minute)
  backend.calls.length = 0
  return { ...rig, backend, rules }
}

t.test(
  'jobs that became due while the process stood still are spread, none is lost, none runs before its time',
  async (t) => {
    const clock = new VirtualClock()
    const resumed: number[] = []
    const jobs = new NamedJobs(
      new Schedule(clock, { random: lcg(2), onResume: (since) => resumed.push(since) }),
    )
    const ran = new Map<number, number>()
    for (let at = 1; at <= 1_000; at += 1) jobs.at(`${at}`, at * second, () => ran.set(at, clock.now()))
    await clock.advance(100 * second)
    t.equal(ran.size, 100)
    clock.suspend(500 * second)
    await clock.advance(0)
    t.same(resumed, [101 * second])
    t.ok(ran.size < 110, 'not all at once')
    await clock.advance(resumeSpread)
    t.equal(ran.size, 605)
    const late = [...ran].filter(([at]) => at > 100 && at <= 600).map(([, time]) => time - 600 * second)
    t.equal(late.length, 500)
    t.ok(
      Math.max(...late) <= resumeSpread && Math.min(...late) < 100 && Math.max(...late) > resumeSpread - 100,
    )
    await clock.advance(400 * second)
    t.equal(ran.size, 1_000)
    t.equal(resumed.length, 1)
  },
)

t.test(
  'what is a little late is not taken for a suspension, nor is what was planned for a time long past',
  async (t) => {
    const clock = new VirtualClock()
    const jobs = new NamedJobs(
      new Schedule(clock, { random: lcg(2), onResume: () => t.fail('nothing stood still') }),
    )
    const ran: number[] = []
    jobs.at('a', 100 * second, () => ran.push(1))
    clock.suspend(109 * second)
    await clock.advance(0)
    jobs.at('b', 1, () => ran.push(2))
    await clock.advance(2)
    t.same(ran, [1, 2])
  },
)

t.test('a schedule that is not told how to resume runs what is late at once', async (t) => {
  const clock = new VirtualClock()
  const jobs = new NamedJobs(new Schedule(clock))
  let ran = 0
  for (let at = 1; at <= 100; at += 1) jobs.at(`${at}`, at * second, () => (ran += 1))
  clock.suspend(hour)
  await clock.advance(0)
  t.equal(ran, 100)
})

t.test('after a suspension everything is fetched soon, and not in one moment', async (t) => {
  const { clock, backend, rules, see } = await start(t)
  clock.suspend(hour)
  await clock.advance(0)
  t.ok(backend.calls.length < 8, `${backend.calls.length} calls at once`)
  await clock.advance(resumeSpread)
  t.equal(new Set(backend.calls.map(({ key }) => key)).size, 50)
  for (const { name } of rules) if (name !== 'x/*') t.equal(see(name), 'fresh CANARY-1')
  const perSecond = new Map<number, number>()
  for (const { at } of backend.calls)
    perSecond.set(Math.floor(at / second), (perSecond.get(Math.floor(at / second)) ?? 0) + 1)
  t.ok(Math.max(...perSecond.values()) < 25, 'spread over five seconds')
})

t.test('what expired in the gap says so, and who waits for it is served rather than refused', async (t) => {
  const { clock, cache, refresher } = await start(t)
  clock.suspend(hour)
  await clock.advance(0)
  const name = Array.from({ length: 50 }, (_, at) => `s${at}`).find(
    (each) => cache.read(each).kind === 'expired',
  )
  if (name === undefined) throw new Error('all were fetched already')
  t.match(cache.read(name), { kind: 'expired', overslept: true })
  t.equal(inWords(await refresher.demand(name, second)), 'fresh CANARY-1')
})

t.test('a thousand callers of what expired in the gap are one call', async (t) => {
  const { clock, backend, refresher } = await start(t, 1)
  clock.suspend(hour)
  await clock.advance(0)
  const { length } = backend.calls
  const readings = await Promise.all(Array.from({ length: 1_000 }, () => refresher.demand('s0', second)))
  for (const reading of readings) if (inWords(reading) !== 'fresh CANARY-1') t.fail(inWords(reading))
  t.ok(backend.calls.length - length <= 1)
})

t.test('a pattern secret that expired in the gap is waited for too', async (t) => {
  const { clock, refresher, see } = await start(t, 1)
  await refresher.demand('x/1', second)
  clock.suspend(hour)
  await clock.advance(0)
  t.match(see('x/1'), /^(expired|fresh CANARY-1)$/)
  t.equal(inWords(await refresher.demand('x/1', second)), 'fresh CANARY-1')
})

t.test('nothing too old is served where the fetch fails, and callers do not make it a storm', async (t) => {
  const { clock, backend, refresher, cache } = await start(t, 1)
  clock.suspend(hour)
  backend.answer = () => unavailable()
  await clock.advance(0)
  const { length } = backend.calls
  for (let asked = 0; asked < 100; asked += 1) {
    t.match(await refresher.demand('s0', second), { kind: 'expired' })
  }
  t.ok(backend.calls.length - length <= 1, `${backend.calls.length - length} calls`)
  await clock.advance(29 * second)
  t.match(cache.read('s0'), { kind: 'expired', overslept: true }, 'whoever comes now still waits')
  await clock.advance(second + 1)
  t.match(
    cache.read('s0'),
    { kind: 'expired', overslept: undefined },
    'and half a minute later it is plainly expired',
  )
})

t.test('who waits for what hangs is answered at the deadline, with nothing too old', async (t) => {
  const { clock, backend, refresher } = await start(t, 1)
  clock.suspend(hour)
  backend.answer = () => new Promise<Answer>(() => {})
  await clock.advance(0)
  const waiting = refresher.demand('s0', second)
  await clock.advance(second)
  t.match(await waiting, { kind: 'expired' })
})

t.test('a call that was under way when the process stood still is not lost', async (t) => {
  const clock = new VirtualClock()
  let answer: (answer: Answer) => void = () => {}
  const backend = new KeyBackend(clock, () => fetched('CANARY-1'))
  const { refresher, see } = createRig(t, {
    clock,
    backend,
    rules: [ruleOf('db', { maxStaleMs: 5 * minute })],
  })
  refresher.start()
  await clock.advance(minute)
  backend.answer = () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answer = resolve
    return promise
  }
  await clock.advance(minute)
  const { length } = backend.calls
  backend.answer = () => fetched('CANARY-2')
  clock.suspend(5 * minute)
  // Its answer was on the way all the time, and is older than it may be.
  answer(fetched('CANARY-1'))
  await settle()
  t.equal(see('db'), 'expired')
  await clock.advance(second)
  t.equal(backend.calls.length, length + 1)
  t.equal(see('db'), 'fresh CANARY-2')
})
