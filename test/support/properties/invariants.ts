import type { Explanation, Reading } from '../../../src/secrets/reading.ts'
import type { Match } from '../../../src/secrets/rules.ts'
import { isPattern } from '../../../src/secrets/rules.ts'
import { inWords } from '../heart-rig.ts'
import type { World } from './world.ts'

/** What is wrong with one secret: with what a caller is told of it, with its explanation, with what was told of it. */
export function* offencesOf(world: World, name: string, now: number): Generator<string> {
  const match = world.rules.find(name)
  const reading = world.look(name)
  const offence = world.oracle.offence(name, inWords(reading), now)
  if (offence !== undefined) yield offence
  if ('ageMs' in reading && !(reading.ageMs >= 0)) yield `${name} is ${reading.ageMs} ms old`
  const { value } = world.oracle.beliefs.of(name)
  if (reading.kind === 'held' && reading.ageMs !== now - (value?.at ?? 0))
    yield `${name} is ${reading.ageMs} ms old, not ${now - (value?.at ?? 0)}`
  if ('retryAfterMs' in reading && !(reading.retryAfterMs > 0))
    yield `${name} is to be asked for again after ${reading.retryAfterMs} ms`
  const explained = world.rig.refresher.explain(name)
  if (match === undefined || explained === undefined) {
    if (match !== undefined || explained !== undefined) yield `${name} is explained as ${explained?.rule}`
    return
  }
  yield* explanationOffences(world, match, reading, explained)
  if (!world.isBehind) yield* eventOffences(world, match, now)
}

function* explanationOffences(
  world: World,
  match: Match,
  reading: Reading,
  explained: Explanation,
): Generator<string> {
  const { name, rule, key } = match
  const told = reading.kind === 'held' ? reading.state : reading.kind
  const state = told === 'not-found' ? 'missing' : told
  if (explained.state !== state) yield `${name} is ${state}, and explained as ${explained.state}`
  if (explained.version !== world.rig.cache.status(name)?.version) yield `${name} has another version`
  if (reading.kind === 'held' && explained.ageMs !== reading.ageMs) yield `${name} has another age`
  if (explained.provider !== rule.provider || explained.key !== key) yield `${name} has another place`
  if (JSON.stringify(explained).includes('CANARY-')) yield `${name} is explained with its value`
  const { breaker, callersWaiting, fetching, nextAttemptAt } = explained
  if ((breaker.state === 'open') !== (breaker.nextProbeAt !== undefined))
    yield `${breaker.state}, and probed at ${breaker.nextProbeAt}`
  if (callersWaiting < 0 || (callersWaiting > 0 && world.callers.count === 0))
    yield `${callersWaiting} wait for ${name}`
  if (isPattern(rule.name)) return
  if (!fetching && nextAttemptAt === undefined) yield `nobody will ask for ${name} any more`
  if (!fetching && world.isUnderWay(match)) yield `${name} is being fetched, and explained as if it were not`
}

/** What was told of it last has to be what it is now. */
function* eventOffences(world: World, { name }: Match, now: number): Generator<string> {
  const entry = world.rig.cache.entry(name)
  const told = world.chains.stateOf(name)
  const state = entry?.state(now) ?? 'not-loaded'
  // Time alone changes a state a moment before it is told.
  const isSettled = entry === undefined || entry.state(now - 2) === state
  if (isSettled && told !== state) yield `${name} is ${state}, and was told to be ${told}`
  const version = entry?.held?.secret.version
  if (version !== world.chains.versionOf(name))
    yield `${name} has the version ${version}, and was told to have ${world.chains.versionOf(name)}`
}
