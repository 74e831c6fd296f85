import type { Chain, ChainOptions } from './chain.ts'
import { Chains } from './chains.ts'
import type { Match } from './rules.ts'
import type { Run } from './run.ts'
import type { Source } from './source.ts'
import { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'

/** Where a secret is fetched: a key of a source, or all of it. */
export interface Place {
  readonly source: UnitSource
  readonly key: string | undefined
}

/** The units of all sources. Each key of a source has one at the most. */
export class Units {
  readonly #bySource = new Map<UnitSource, Map<string | undefined, Unit>>()
  /** Those that were deleted while a run of theirs is under way, until it ends. */
  readonly #leaving = new Set<Unit>()
  readonly #onDue: (unit: Unit) => void
  readonly #chains: Chains
  #sources: ReadonlyMap<string, Source>

  constructor(sources: ReadonlyMap<string, Source>, onDue: (unit: Unit) => void, chains: ChainOptions) {
    this.#chains = new Chains(chains)
    this.#sources = sources
    this.#onDue = onDue
  }

  get sources(): ReadonlyMap<string, Source> {
    return this.#sources
  }

  /** Other sources go by the providers' names from now on. Units of the former ones stay until they are deleted. */
  apply(sources: ReadonlyMap<string, Source>): void {
    this.#sources = sources
    this.#chains.keep(
      (chain) =>
        this.#bySource.has(chain) && chain.links.every(({ source }) => sources.get(source.name) === source),
    )
  }

  source(provider: string): Source {
    const source = this.#sources.get(provider)
    if (source === undefined)
      throw new Error(`no provider "${provider}": the configuration's checks let it pass`)
    return source
  }

  placeOf(match: Match): Place {
    if (match.rule.fallback !== undefined) return { source: this.chainOf(match), key: match.key }
    const source = this.source(match.rule.provider)
    return { source, key: source.listsAll ? undefined : match.key }
  }

  /** The places of a secret that has several. */
  chainOf(match: Match): Chain {
    return this.#chains.of(match, (provider) => this.source(provider))
  }

  find({ source, key }: Place): Unit | undefined {
    return this.#bySource.get(source)?.get(key)
  }

  /** The unit of a place, made where there is none yet. */
  of({ source, key }: Place): Unit {
    const units = this.#bySource.get(source) ?? new Map<string | undefined, Unit>()
    this.#bySource.set(source, units)
    const existing = units.get(key)
    if (existing !== undefined) return existing
    const unit = this.#takeBack(source, key) ?? new Unit(source, key, this.#onDue)
    units.set(key, unit)
    return unit
  }

  /** The unit that fetches a secret, which is among those that it fetches from now on. */
  for(match: Match): Unit {
    const unit = this.of(this.placeOf(match))
    if (unit.key !== undefined) unit.matches.add(match)
    return unit
  }

  delete(unit: Unit): void {
    const units = this.#bySource.get(unit.source)
    units?.delete(unit.key)
    if (units?.size === 0) this.#bySource.delete(unit.source)
    if (unit.current !== undefined) this.#leaving.add(unit)
  }

  /** A run of the unit has ended. */
  ran(unit: Unit): void {
    this.#leaving.delete(unit)
  }

  /** The run of one that was deleted from the place of a unit and has not ended: a call of the unit would be beside its. */
  formerRun({ source, key }: Unit): Run | undefined {
    let former: Run | undefined
    // The last one waits for those before it.
    for (const unit of this.#leaving) if (unit.source === source && unit.key === key) former = unit.current
    return former
  }

  *ofSource(source: UnitSource): Generator<Unit> {
    yield* this.#bySource.get(source)?.values() ?? []
  }

  /** Those that ask a source among others; with a key, those that ask it for that key. */
  *chained(source: UnitSource, key?: string): Generator<{ readonly unit: Unit; readonly chain: Chain }> {
    for (const chain of this.#chains.asking(source, key))
      for (const unit of this.ofSource(chain)) yield { unit, chain }
  }

  /** Whether any unit asks a source for a key, by itself or among others. */
  isAsked(source: UnitSource, key: string | undefined): boolean {
    if (this.#bySource.get(source)?.has(key) === true) return true
    return key !== undefined && !this.chained(source, key).next().done
  }

  /** One that was deleted while it waited for its turn still does, and would call beside a new one. */
  #takeBack(source: UnitSource, key: string | undefined): Unit | undefined {
    for (const unit of this.#leaving) {
      if (unit.source !== source || unit.key !== key || unit.current?.began !== undefined) continue
      this.#leaving.delete(unit)
      unit.retired = false
      unit.successor = undefined
      return unit
    }
    return undefined
  }

  *all(): Generator<Unit> {
    for (const units of this.#bySource.values()) yield* units.values()
  }
}
