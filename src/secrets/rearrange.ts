import { returnSpread } from './backoff.ts'
import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import { isSamePlace } from './entry.ts'
import type { Match, Rule, Rules } from './rules.ts'
import { isPattern } from './rules.ts'
import type { Runner } from './runner.ts'
import type { Unit } from './unit.ts'
import type { Place, Units } from './units.ts'

/** Over how long what is held is fetched again from another place, in milliseconds. */
const moveSpread = 2_000

export interface Rearranging {
  readonly cache: SecretCache
  readonly clock: Clock
  readonly random: Random
  readonly units: Units
  readonly runner: Runner
  /** The rules so far. The cache, the sources and the runner have the new ones already. */
  readonly before: Rules
  readonly rules: Rules
  /** Whether anything is fetched yet. */
  readonly isStarted: boolean
}

/** Gives each unit the secrets that other rules have it fetch, makes those that are new, and retires the others. */
export function rearrange(with_: Rearranging): void {
  const { units, runner, isStarted } = with_
  const before = new Map<Unit, Match[]>()
  for (const unit of units.all()) {
    before.set(unit, [...unit.matches.values()])
    unit.matches.clear()
  }
  const kept = new Set<Unit>()
  for (const match of wanted(with_)) kept.add(assign(units, match))
  for (const source of listed(with_)) kept.add(units.of({ source, key: undefined }))
  for (const match of awaited(with_, before)) kept.add(assign(units, match))
  for (const [unit, matches] of before)
    if (!kept.has(unit)) runner.retire(unit, successorOf(with_, unit, matches))
  if (!isStarted) return
  for (const unit of kept) replan(with_, unit, before.get(unit))
}

/** The declared secrets, and the pattern secrets that are held and have a key each. */
function* wanted({ rules, units, cache }: Rearranging): Generator<Match> {
  yield* rules.fetched()
  for (const source of units.sources.values()) if (!source.listsAll) yield* cache.discovered(source.name)
}

function* listed({ rules, units }: Rearranging): Generator<Place['source']> {
  for (const { provider } of rules.patterns) {
    const source = units.source(provider)
    if (source.lists) yield source
  }
}

/** Pattern secrets whose first fetch somebody waits for. */
function* awaited(
  { rules, units, cache }: Rearranging,
  before: ReadonlyMap<Unit, readonly Match[]>,
): Generator<Match> {
  for (const [unit, matches] of before) {
    if (unit.key === undefined || unit.current === undefined || unit.waiting === 0) continue
    for (const { name } of matches) {
      const match = rules.find(name)
      if (match === undefined || !isPattern(match.rule.name) || cache.entry(name) !== undefined) continue
      const place = units.placeOf(match)
      if (place.source === unit.source && place.key === unit.key) yield match
    }
  }
}

function assign(units: Units, match: Match): Unit {
  const unit = units.of(units.placeOf(match))
  if (unit.key !== undefined || !isPattern(match.rule.name)) unit.matches.add(match)
  return unit
}

/** Where whoever waits for a unit that is retired is served: at the new place of what it fetched, where that is one. */
function successorOf({ rules, units }: Rearranging, unit: Unit, matches: readonly Match[]): Unit | undefined {
  if (unit.key === undefined) {
    const source = units.sources.get(unit.source.name)
    // A list of keys brings nobody what was waited for.
    const now = source?.listsAll === true ? units.find({ source, key: undefined }) : undefined
    // It is still there itself where nothing is listed from the source any more.
    return now === unit ? undefined : now
  }
  const places = new Set(matches.map(({ name }) => placeIn({ rules, units }, name)))
  const [only] = places
  return places.size === 1 ? only : undefined
}

function placeIn({ rules, units }: Pick<Rearranging, 'rules' | 'units'>, name: string): Unit | undefined {
  const match = rules.find(name)
  if (match === undefined || match.rule.template !== undefined) return undefined
  const unit = units.find(units.placeOf(match))
  return unit !== undefined && (unit.key === undefined || unit.matches.has(name)) ? unit : undefined
}

function replan(with_: Rearranging, unit: Unit, before: readonly Match[] | undefined): void {
  const { cache, clock, random, runner, rules } = with_
  const now = clock.now()
  if (runner.throttled(unit) !== undefined) return
  // What waits for its turn already may be nearer its end by the new rules.
  if (unit.current !== undefined) runner.run(unit)
  const known = new Map(before?.map((match) => [match.name, match]))
  const added = [...unit.matches.values()].filter((match) => {
    const old = known.get(match.name)
    return old === undefined || !isSamePlace(old, match)
  })
  const isEmpty = unit.key === undefined && unit.succeededAt === undefined && before === undefined
  const isWider = before !== undefined && unit.key === undefined && hasNewPattern(with_, unit.source.name)
  const isHeld = ({ name }: Match): boolean => cache.entry(name)?.held !== undefined
  const holdsAll =
    added.every(isHeld) &&
    (!isEmpty || unit.matches.size > 0 || cache.discovered(unit.source.name).length > 0)
  if (isWider || isOutdated(with_, unit) || (before === undefined ? !holdsAll : !added.every(isHeld)))
    runner.run(unit)
  else if (before === undefined || added.length > 0) {
    unit.mustFetch = true
    runner.planBy(unit, now + random() * moveSpread)
  } else if (paceOf(unit, before, with_.before) !== paceOf(unit, [...unit.matches.values()], rules)) {
    retime(with_, unit, now)
  }
}

/** Whether a list came that says nothing by the new rules: readiness waits for another. */
function isOutdated({ cache, rules }: Rearranging, { key, source, succeededAt, failures }: Unit): boolean {
  if (key !== undefined || succeededAt === undefined || failures > 0) return false
  return rules.patternsOf(source.name).length > 0 && !cache.wasSwept(source.name)
}

/** Whether a list may have secrets by the new rules that it had not before. */
function hasNewPattern({ before, rules }: Rearranging, provider: string): boolean {
  const known = before.patternsOf(provider)
  const isKnown = ({ name, key, field }: Rule): boolean =>
    known.some((each) => each.name === name && each.key === key && each.field === field)
  return !rules.patternsOf(provider).every(isKnown)
}

/** Another interval: the next refresh is drawn anew, counted from the last success. */
function retime({ random, runner }: Rearranging, unit: Unit, now: number): void {
  const { planner } = runner
  if (unit.current !== undefined || unit.failures > 0 || unit.misses > 0 || unit.succeededAt === undefined)
    return
  if (planner.isLeased(unit)) return
  const nextAt = planner.afterSuccess(unit, unit.succeededAt, 0, random, false)
  const spread = returnSpread(planner.intervalMs(unit, now), planner.isAwaited(unit, now))
  runner.plan(unit, nextAt > now ? nextAt : now + random() * spread)
}

/** The shortest interval that the rules give a unit, in milliseconds. */
function paceOf(unit: Unit, matches: readonly Match[], rules: Rules): number {
  let pace = Number.POSITIVE_INFINITY
  for (const { rule } of matches) pace = Math.min(pace, rule.refreshMs)
  if (unit.key !== undefined) return pace
  for (const { refreshMs } of rules.patternsOf(unit.source.name)) pace = Math.min(pace, refreshMs)
  return pace
}
