import type { Random } from '../../../src/secrets/clock.ts'
import { inWords, minute, second } from '../heart-rig.ts'
import fc from '../property.ts'
import { settle } from '../virtual-clock.ts'
import { paceOf, recover, stayCalm } from './recovery.ts'
import type { History, Mix, Step } from './steps.ts'
import { historyOf } from './steps.ts'
import { callDeadline, World } from './world.ts'

/** A time step is at most so many of the shortest intervals: what they cost to simulate does not depend on them. */
const longestStep = 60
/** Whoever forces a call waits for one that hangs, for its turn, and for one more at the most, in milliseconds. */
const longestForced = 3 * callDeadline + 70 * minute

/** How many histories a property looks at: `SIDEKEEP_PROPERTY_RUNS` times as many as by default. */
export function runsOf(usual: number): number {
  return Math.ceil(usual * Number(process.env.SIDEKEEP_PROPERTY_RUNS ?? 1))
}

/** For one property, in milliseconds: for as many times longer as there are more runs. */
export const patience = runsOf(85 * second)

/** Holds the heart against its model for random histories. @returns how many */
export async function holds(mix: Mix, usualRuns: number): Promise<number> {
  const numRuns = runsOf(usualRuns)
  const property = fc.asyncProperty(historyOf(mix), async (history) => {
    await live(history)
  })
  await fc.assert(property, { numRuns, includeErrorInReport: true })
  return numRuns
}

/** One history, from the start to the stop. Throws where anything is not as it must be. */
export async function live({ configuration, steps, seed, isCut }: History): Promise<void> {
  const world = new World(configuration, lcg(seed))
  await world.start()
  for (const [at, step] of steps.entries()) {
    const when = `step ${at}, ${JSON.stringify(step)}`
    await take(world, step, when)
    await settle()
    world.check(when)
  }
  if (!isCut) {
    await recover(world)
    await stayCalm(world)
  }
  await stop(world)
}

async function take(world: World, step: Step, when: string): Promise<void> {
  const { rig, truths, callers } = world
  switch (step.do) {
    case 'wait':
      return await world.pass(Math.min(step.ms, longestStep * paceOf(world)), when)
    case 'suspend':
      return world.suspend(step.ms)
    case 'jump':
      return world.clock.jumpWall(step.ms)
    case 'behave':
      return truths[step.provider].behave(step.key, step.as)
    case 'whole':
      truths[step.provider].whole = step.as
      return
    case 'rotate':
      return truths[step.provider].rotate(step.key, step.by)
    case 'slow':
      truths[step.provider].latencyMs = step.ms
      return
    case 'heal':
      return world.heal()
    case 'read':
      rig.cache.read(step.name)
      return
    case 'demand':
      return demand(world, step.name, step.waitMs)
    case 'storm':
      for (let at = 0; at < step.names; at += 1) demand(world, `x/s${at}`, step.waitMs)
      return
    case 'refresh':
      return callers.ask(
        when,
        step.name,
        longestForced,
        () => rig.refresher.refresh(step.name),
        (result) => {
          if (result.outcome !== 'failed' && result.outcome !== 'not-found')
            return result.status.name === step.name ? undefined : `is of ${result.status.name}`
          return undefined
        },
      )
    case 'refreshAll':
      return callers.ask(
        when,
        undefined,
        longestForced,
        () => rig.refresher.refreshAll(),
        (results) =>
          new Set(results.map(({ name }) => name)).size === results.length ? undefined : 'one name twice',
      )
    case 'reject':
      for (let times = 0; times < step.times; times += 1) reject(world, step.name, step.isHeld, when)
      return
    case 'report':
      world.reported()
      return world.provider(step.provider).report(step.key)
    case 'failWatch':
      world.reported()
      return world.provider(step.provider).failWatch()
    case 'apply':
      return await world.apply(step.edits)
  }
}

function demand(world: World, name: string, waitMs: number): void {
  const { callers, rig } = world
  callers.ask(
    `a demand of ${name}`,
    name,
    waitMs,
    () => rig.refresher.demand(name, waitMs),
    (reading) => {
      if (reading.kind !== 'held') return undefined
      const told = inWords(reading)
      const now = inWords(world.look(name))
      return told === now ? undefined : `is ${told}, and a read says ${now}`
    },
  )
}

function reject(world: World, name: string, isHeld: boolean, when: string): void {
  const { callers, rig } = world
  const reported = isHeld ? (rig.cache.status(name)?.version ?? 'v0') : 'v0'
  callers.ask(
    when,
    name,
    longestForced,
    () => rig.refresher.rejected(name, reported),
    (result) => {
      if (result.outcome !== 'held') return undefined
      const { version, changed } = result
      return changed === (version !== reported)
        ? undefined
        : `${version} for ${reported}, changed: ${changed}`
    },
  )
}

async function stop(world: World): Promise<void> {
  const { rig, clock } = world
  const calls = world.providers.map(({ ledger }) => ledger.calls)
  await rig.stop()
  await settle()
  const left = [...world.callers.all()]
  if (left.length > 0) throw new Error(`left waiting by the stop: ${left.join(', ')}`)
  if (clock.pending > 0) throw new Error(`${clock.pending} timers left by the stop`)
  for (const { closed } of world.providers) if (closed !== 1) throw new Error(`closed ${closed} times`)
  for (const [at, { ledger }] of world.providers.entries()) {
    if (ledger.calls !== calls[at]) throw new Error('a call after the stop')
    if (ledger.underWay.size > 0) throw new Error('a call that the stop did not end')
  }
}

function lcg(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
