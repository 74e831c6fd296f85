import t from 'tap'
import { Schedule } from '../../src/secrets/schedule.ts'
import { NamedJobs } from '../support/named-jobs.ts'
import fc from '../support/property.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

t.test('jobs run in the order of their times, each at its own or a little later', async (t) => {
  const clock = new VirtualClock()
  const jobs = new NamedJobs(new Schedule(clock))
  const ran: [string, number][] = []
  for (const time of [500, 100, 900, 300, 700])
    jobs.at(`${time}`, time, () => ran.push([`${time}`, clock.now()]))
  t.equal(jobs.timeOf('300'), 300)
  await clock.advance(1_000)
  t.same(
    ran,
    [100, 300, 500, 700, 900].map((time) => [`${time}`, time]),
  )
  t.equal(jobs.timeOf('300'), undefined)
})

t.test('a further time for the same job takes the place of the first', async (t) => {
  const clock = new VirtualClock()
  const jobs = new NamedJobs(new Schedule(clock))
  const ran: string[] = []
  jobs.at('a', 100, () => ran.push('first'))
  jobs.at('a', 50, () => ran.push('sooner'))
  jobs.at('b', 100, () => ran.push('first'))
  jobs.at('b', 200, () => ran.push('later'))
  await clock.advance(150)
  t.same(ran, ['sooner'])
  await clock.advance(100)
  t.same(ran, ['sooner', 'later'])
})

t.test('a job may plan and cancel others, and itself again', async (t) => {
  const clock = new VirtualClock()
  const jobs = new NamedJobs(new Schedule(clock))
  const ran: number[] = []
  const again = (): void => {
    ran.push(clock.now())
    jobs.cancel('victim')
    jobs.at('self', clock.now() + 100, again)
  }
  jobs.at('self', 100, again)
  jobs.at('victim', 100, () => t.fail('it was cancelled by a job of the same moment'))
  await clock.advance(1_000)
  t.same(ran, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000])
})

t.test('what is closed runs nothing more and leaves no timer', async (t) => {
  const clock = new VirtualClock()
  const schedule = new Schedule(clock)
  const jobs = new NamedJobs(schedule)
  for (let at = 1; at < 100; at += 1) jobs.at(`${at}`, at, () => at === 50 && schedule.close())
  await clock.advance(50)
  t.equal(clock.pending, 0)
  await clock.advance(1_000)
  t.equal(jobs.timeOf('51'), undefined)
})

t.test('a time that has passed is the next moment, and a timer that fires early is no harm', async (t) => {
  const clock = new VirtualClock()
  const early = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    // As Node's may: a fraction of a millisecond before its time.
    setTimer: (fn: () => void, ms: number) => clock.setTimer(fn, ms - 0.4),
  }
  const jobs = new NamedJobs(new Schedule(early))
  const ran: number[] = []
  await clock.advance(1_000)
  jobs.at('past', 10, () => ran.push(clock.now()))
  jobs.at('future', 2_000, () => ran.push(clock.now()))
  await clock.advance(10)
  t.equal(ran.length, 1)
  await clock.advance(2_000)
  t.equal(ran.length, 2)
  t.ok((ran[1] ?? 0) >= 2_000, 'never before its time')
})

t.test('a hundred thousand jobs cost one timer', async (t) => {
  const clock = new VirtualClock()
  const jobs = new NamedJobs(new Schedule(clock))
  let ran = 0
  let last = 0
  for (let at = 0; at < 100_000; at += 1) {
    // Not the soonest first: the timer has to be set anew for each that is sooner.
    const time = 1 + ((at * 7_919 + 50_000) % 100_000)
    jobs.at(`${at}`, time, () => {
      ran += 1
      if (time < last) t.fail('out of order')
      last = time
    })
    if (clock.pending > 1) t.fail('a timer too many')
  }
  for (let at = 0; at < 100_000; at += 2) jobs.cancel(`${at}`)
  t.equal(clock.pending, 1)
  await clock.advance(10_000)
  t.ok(clock.pending <= 1)
  t.ok(ran > 4_000 && ran < 6_000, `${ran} of the half that was left, in a tenth of the time`)
})

t.test('it behaves like a plain list of jobs, for random plans', async (t) => {
  const id = fc.integer({ min: 0, max: 100 }).map(String)
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant<'at'>('at'), id, in: fc.integer({ min: 1, max: 500 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant<'cancel'>('cancel'), id }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant<'advance'>('advance'), ms: fc.integer({ min: 1, max: 300 }) }),
    },
  )
  const property = fc.asyncProperty(fc.array(step, { maxLength: 400, size: 'max' }), async (steps) => {
    const clock = new VirtualClock()
    const jobs = new NamedJobs(new Schedule(clock))
    const model = new Map<string, number>()
    const ran: string[] = []
    for (const each of steps) {
      if (each.do === 'at') {
        const time = clock.now() + each.in
        jobs.at(each.id, time, () => ran.push(`${each.id}@${time}`))
        model.set(each.id, time)
      } else if (each.do === 'cancel') {
        jobs.cancel(each.id)
        model.delete(each.id)
      } else {
        ran.length = 0
        await clock.advance(each.ms)
        const due = [...model].filter(([, time]) => time <= clock.now())
        if (due.length !== ran.length) throw new Error(`${due.length} were due, ${ran.length} ran`)
        const times = ran.map((text) => Number(text.split('@')[1]))
        if (times.some((time, at) => time < (times[at - 1] ?? 0))) throw new Error(`out of order: ${ran}`)
        for (const text of ran) {
          const [name = '', time] = text.split('@')
          if (model.get(name) !== Number(time)) throw new Error(`${text} ran, and was not planned so`)
          model.delete(name)
        }
      }
      for (const [name, time] of model) if (jobs.timeOf(name) !== time) throw new Error(`${name} is lost`)
    }
  })
  await fc.assert(property, { numRuns: 100, includeErrorInReport: true })
  t.pass('for 100 random plans')
})
