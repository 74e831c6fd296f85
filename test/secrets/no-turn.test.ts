import t, { type Test } from 'tap'
import { explain } from '../../src/secrets/explain.ts'
import type { ProviderError } from '../../src/secrets/provider.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { Runner } from '../../src/secrets/runner.ts'
import { Schedule } from '../../src/secrets/schedule.ts'
import { Units } from '../../src/secrets/units.ts'
import { fetched, KeyBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

/** A provider of one call at a time, and a runner of what is kept of it, whose patience is in the test's own hands. */
function oneAtATime(t: Test, maxQueuedCalls: number, refreshMs = minute) {
  const clock = new VirtualClock()
  let waiting: (() => void)[] = []
  const backend = new KeyBackend(clock, async (key) => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    return fetched(`CANARY-${key}`)
  })
  const names = ['kept', 'slow', 'queued']
  const rules = names.map((name) => ruleOf(name, { refreshMs, maxStaleMs: 24 * hour }))
  const limits = { maxConcurrentCalls: 1, maxQueuedCalls }
  const { cache, sources, events } = createRig(t, { clock, backend, rules, limits })
  const schedule = new Schedule(clock)
  const units = new Units(sources, () => {}, { clock, called: () => {} })
  const runner = new Runner({
    rules: new Rules(rules),
    cache,
    clock,
    random: () => 0.5,
    observer: events,
    schedule,
    units,
    composer: { took() {}, tell() {} },
    listed: () => {},
  })
  t.teardown(() => runner.stop())
  const matchOf = (name: string) => {
    const match = new Rules(rules).find(name)
    if (match === undefined) throw new Error(`no rule names ${name}`)
    return match
  }
  const unitOf = (name: string) => units.for(matchOf(name))
  const answer = async (): Promise<void> => {
    const all = waiting
    waiting = []
    for (const each of all) each()
    await settle()
  }
  return {
    clock,
    backend,
    events,
    unitOf,
    answer,
    begin: async (name: string, patienceMs?: number) => {
      const { ended } = runner.run(unitOf(name), { patienceMs })
      await clock.advance(0)
      return { ended }
    },
    /** Milliseconds until it comes again. */
    wait: (name: string): number => (unitOf(name).plannedFor ?? Number.NaN) - clock.now(),
    explained(name: string) {
      const match = matchOf(name)
      const { source } = unitOf(name)
      return explain({ match, source, unit: unitOf(name), cache, clock })
    },
  }
}

type World = ReturnType<typeof oneAtATime>

/** What is kept is held, and a call that does not end has the only place. */
async function heldAndBusy(world: World): Promise<void> {
  const { ended } = await world.begin('kept')
  await world.clock.advance(10)
  await world.answer()
  await ended
  await world.clock.advance(2 * second)
  await world.begin('slow')
  await world.clock.advance(10)
  world.events.clear()
}

/** Nothing is told of it, nothing counted, and it is fetched as if nothing had been. */
async function isNoFailure(t: Test, world: World, reason: ProviderError['reason']): Promise<void> {
  const { events, unitOf, explained, clock, answer, backend } = world
  t.equal(unitOf('kept').failures, 0)
  t.match(unitOf('kept').failure, { error: { reason } }, 'the reason is known')
  t.match(explained('kept'), { state: 'fresh', failures: 0, fetching: false })
  t.ok((explained('kept').nextAttemptAt ?? 0) > clock.wall(), 'it says when it is tried again')
  t.same(events.notable, [])
  t.equal(backend.callsFor('kept'), 1)
  await answer()
  const { ended } = await world.begin('kept')
  await clock.advance(10)
  await answer()
  t.equal((await ended).secrets.get('kept'), 'unchanged')
  t.same([events.of('failed'), events.of('recovered')], [[], []])
  t.match(explained('kept'), { state: 'fresh', failures: 0 })
}

t.test('too many waited already: that is no failure of what is kept', async (t) => {
  const world = oneAtATime(t, 0)
  await heldAndBusy(world)
  const { ended } = await world.begin('kept', second)
  await world.clock.advance(10)
  t.match((await ended).secrets.get('kept'), { kind: 'unavailable', reason: 'busy' })
  await isNoFailure(t, world, 'busy')
})

t.test('nor is it that the turn did not come in time', async (t) => {
  const world = oneAtATime(t, 1)
  await heldAndBusy(world)
  const { ended } = await world.begin('kept', second)
  await world.clock.advance(2 * second)
  t.match((await ended).secrets.get('kept'), { kind: 'unavailable', reason: 'timeout' })
  await isNoFailure(t, world, 'timeout')
})

t.test('but a call that was made and ran out of time is one', async (t) => {
  const world = oneAtATime(t, 1)
  await heldAndBusy(world)
  await world.answer()
  world.backend.answer = () => unavailable()
  const { ended } = await world.begin('kept', second)
  await world.clock.advance(10)
  await ended
  t.equal(world.unitOf('kept').failures, 1)
  t.match(world.events.of('failed'), [{ secrets: ['kept'], attempt: 1 }])
})

t.test('where too many wait it comes later each time, and after its turn as before', async (t) => {
  const world = oneAtATime(t, 0, 4 * second)
  const lose = async (): Promise<number> => {
    const { ended } = await world.begin('kept', second)
    await world.clock.advance(10)
    t.match((await ended).secrets.get('kept'), { reason: 'busy' })
    return Math.round(world.wait('kept')) + 10
  }
  await world.begin('slow')
  await world.clock.advance(10)
  // Nothing is held: somebody is refused it, and half of 1 s, 2 s, 4 s is drawn, or half of the spread at the least.
  const waits: number[] = []
  for (let turn = 0; turn < 4; turn += 1) waits.push(await lose())
  t.ok((waits[0] ?? 0) >= 500, `${waits}`)
  t.ok((waits[3] ?? 0) >= 2 * (waits[0] ?? 0), `${waits}`)
  await world.answer()
  const { ended } = await world.begin('kept')
  await world.clock.advance(10)
  await world.answer()
  await ended
  await world.begin('slow')
  await world.clock.advance(10)
  t.equal(world.unitOf('kept').failure, undefined)
  await lose()
  t.equal(world.unitOf('kept').failure?.lostTurns, 1, 'from the beginning')
})
