import type { FileConfig } from '../config/schema/files.ts'
import { kindOf } from './places.ts'
import { Removal, type RemovalOptions } from './removal.ts'

/** What is to be removed still, by place: at one place a file and a folder may wait for each other. */
export class Removals {
  readonly #options: RemovalOptions
  readonly #all = new Map<string, Set<Removal>>()

  constructor(options: RemovalOptions) {
    this.#options = options
  }

  /** Whether one of a required file fails. */
  get isRequiredFailing(): boolean {
    return this.#all
      .values()
      .some((removals) => removals.values().some(({ isFailing, config }) => isFailing && config.required))
  }

  /** One that has still to run; `over` is to follow. */
  add(place: string, config: FileConfig): Removal {
    const removal = new Removal(config, this.#options)
    const there = this.#all.get(place) ?? new Set()
    this.#all.set(place, there.add(removal))
    return removal
  }

  /** It has run. */
  over(place: string, removal: Removal): void {
    const there = this.#all.get(place)
    there?.delete(removal)
    if (there?.size === 0) this.#all.delete(place)
  }

  /** A file is kept there from now on: what it replaces is not removed before. */
  withdraw(place: string, config: FileConfig): void {
    for (const removal of this.#all.get(place) ?? [])
      if (kindOf(removal.config) === kindOf(config)) removal.withdraw()
  }

  /** None is tried again. */
  close(): void {
    for (const removals of this.#all.values()) for (const removal of removals) removal.close()
  }
}
