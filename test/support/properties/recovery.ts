import { longestRecovery } from '../../../src/secrets/backoff.ts'
import { isPattern } from '../../../src/secrets/rules.ts'
import { inWords, minute, second } from '../heart-rig.ts'
import { livesFor } from './beliefs.ts'
import { providerNames } from './configuration.ts'
import type { World } from './world.ts'
import { callDeadline } from './world.ts'

/** Between two probes of a breaker for an outage, and of one for a denied credential, in milliseconds. */
const longestProbeGap = { unavailable: minute, denied: 10 * minute }
/** How much longer than it should a refresh may wait for its turn within the budget, in milliseconds. */
const queueing = 2 * second
/** A healthy backend is reached again: what hangs is given up in time, then the longest wait is over. */
export async function recover(world: World): Promise<void> {
  world.heal()
  const { clock } = world
  const healedAt = clock.now()
  const names = [...world.rules.declared].map((match) => ({
    match,
    by: healedAt + recoveryOf(world, match.name),
  }))
  for (const { match, by } of names.sort((a, b) => a.by - b.by)) {
    const when = `healthy since ${healedAt}`
    await world.pass(Math.max(0, by - clock.now()), when)
    const { name, rule } = match
    const told = inWords(world.look(name))
    const { value } = world.oracle.beliefs.of(name)
    const overdueMs = value === undefined ? 0 : clock.now() - value.at - livesFor(value, rule).freshMs
    const isFresh = told.startsWith('fresh') || (told.startsWith('stale') && overdueMs <= queueing)
    if (!isFresh) throw new Error(`${when}, at ${clock.now()}: ${name} is ${told}`)
  }
  await answerAll(world, healedAt)
  const left = [...world.callers.all()]
  if (left.length > 0) throw new Error(`never answered: ${left.join(', ')}`)
}

/** Whoever waits for a call is answered as soon as those before it are over, which may hang to the last. */
async function answerAll(world: World, healedAt: number): Promise<void> {
  const { clock, callers } = world
  const by = Math.max(healedAt, ...world.providers.map(({ ledger }) => ledger.quietUntil)) + 2 * callDeadline
  while (callers.count > 0 && clock.now() < by)
    await world.pass(Math.min(minute, by - clock.now()), `answering since ${healedAt}`)
}

/** By when a secret has to be fresh, in milliseconds from now. */
function recoveryOf(world: World, name: string): number {
  const { clock, chains } = world
  const match = world.rules.find(name)
  if (match === undefined) return 0
  const { provider } = world.placeOf(match)
  const { underWay, quietUntil } = provider.ledger
  const now = clock.now()
  const hangsMs = Math.max(0, ...[...underWay].map(({ at }) => at + callDeadline - now))
  const quietMs = Math.max(0, quietUntil - now)
  const cause = chains.hasDenied(match.rule.provider) ? 'denied' : 'unavailable'
  const leaseMs = world.oracle.beliefs.of(name).value?.lease?.durationMs ?? 0
  const intervalMs = Math.max(match.rule.refreshMs, leaseMs)
  // An answer that came an hour late, since the process stood still, has its backend taken for one that is slow.
  // A list fails only as a whole: what one of its entries could not bring comes with the next.
  const lateMs = world.hasSlept || provider.kind === 'list' ? intervalMs : 0
  return hangsMs + quietMs + lateMs + longestRecovery(intervalMs, longestProbeGap[cause]) + queueing
}

/** From then on each place is asked at the pace of its interval, and no more. */
export async function stayCalm(world: World): Promise<void> {
  const { clock } = world
  const lengthMs = 4 * paceOf(world)
  const before = new Map([...world.rules.declared].map((match) => [match, callsFor(world, match)]))
  await world.pass(lengthMs, 'all is calm')
  for (const [match, calls] of before) {
    const asked = callsFor(world, match) - calls
    const most = Math.floor(lengthMs / (0.81 * paceOf(world))) + 2
    if (asked > most)
      throw new Error(`at ${clock.now()}: ${asked} calls for ${match.name}, and at most ${most}`)
  }
}

function callsFor(world: World, match: Parameters<World['placeOf']>[0]): number {
  const { provider, place } = world.placeOf(match)
  return provider.ledger.callsOf(place)
}

/** The shortest time between two refreshes of anything, in milliseconds. */
export function paceOf(world: World): number {
  let pace = Number.POSITIVE_INFINITY
  for (const rule of world.configuration.rules) pace = Math.min(pace, rule.refreshMs)
  for (const name of new Set([...world.rules.declared].map((match) => match.name))) {
    const { value } = world.oracle.beliefs.of(name)
    const match = world.rules.find(name)
    if (value !== undefined && match !== undefined && !isPattern(match.rule.name))
      pace = Math.min(pace, livesFor(value, match.rule).freshMs)
  }
  for (const provider of providerNames) pace = Math.min(pace, world.truths[provider].shortestLife)
  return Number.isFinite(pace) ? pace : minute
}
