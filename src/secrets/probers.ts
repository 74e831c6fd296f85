import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'
import type { Units } from './units.ts'

/**
 * Which unit of a source finds out whether an open breaker may close. There is one as long as it is open, and it comes
 * exactly when the breaker lets a call through; the others come later, spread out. So the end of an outage is noticed at
 * once, and is no stampede.
 */
export class Probers {
  readonly #units: Units
  readonly #bySource = new Map<UnitSource, Unit>()

  constructor(units: Units) {
    this.#units = units
  }

  /**
   * A breaker opened, or a probe failed.
   *
   * @returns the unit that is to come next: of those that are idle the one that has not been called for longest.
   *   Undefined where none is idle; then the first whose run ends takes the part.
   */
  choose(source: UnitSource): Unit | undefined {
    const chosen = this.longestUncalled(source, (unit) => canTell(unit))
    if (chosen === undefined) this.#bySource.delete(source)
    else this.#bySource.set(source, chosen)
    return chosen
  }

  /** Of the idle units of a source, those that fit, the one that has not been called for longest. */
  longestUncalled(source: UnitSource, fits: (unit: Unit) => boolean = () => true): Unit | undefined {
    let chosen: Unit | undefined
    for (const unit of this.#units.ofSource(source)) {
      if (unit.current !== undefined || !fits(unit)) continue
      if (chosen === undefined || calledAt(unit) < calledAt(chosen)) chosen = unit
    }
    return chosen
  }

  /** Whether a unit is the one, or becomes it since its source has none. Only while the source's breaker is not closed. */
  takes(unit: Unit): boolean {
    const { source } = unit
    if (!canTell(unit)) return false
    const prober = this.#bySource.get(source)
    if (prober === unit) return true
    if (prober !== undefined) return false
    this.#bySource.set(source, unit)
    return true
  }

  /** @returns whether it was the one, so that another has to be chosen */
  gone(unit: Unit): boolean {
    return this.#bySource.get(unit.source) === unit && this.#bySource.delete(unit.source)
  }

  forget(source: UnitSource): void {
    this.#bySource.delete(source)
  }
}

/** Whether a unit can find out. Who may list keys may not read them for that, nor the other way round. */
function canTell({ listsKeys, source }: Unit): boolean {
  return !listsKeys || source.breaker.cause !== 'denied'
}

/** When a unit was last called, on the monotonic clock. */
export const calledAt = (unit: Unit): number => unit.calledAt ?? Number.NEGATIVE_INFINITY
