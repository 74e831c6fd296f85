import type { FileConfig } from '../config/schema/files.ts'
import { isPattern } from '../secrets/rules.ts'
import type { Standings } from '../secrets/standings.ts'
import { LastValues } from './last-values.ts'
import { type Look, look } from './look.ts'
import { type Selection, selectionOf } from './selection.ts'
import type { Versions } from './versions.ts'

/**
 * What one file is to hold, as things happen to its secrets. A look at all of them takes its time, and so is left away
 * where what happened cannot have changed what it would find: ten thousand that arrive one by one would be looked at ten
 * thousand times each.
 */
export class Outlook {
  readonly #config: Pick<FileConfig, 'removeWhen'>
  readonly #standings: Standings
  readonly #selection: Selection
  #lastValues: LastValues | undefined
  /** Secrets of the file that their providers said are gone. */
  readonly #gone = new Set<string>()
  readonly #noticed = new Set<string>()
  /** Whether something else than a secret may have changed what a look finds. */
  #isAsked = true
  /** Whether the last look was whole only for the time being. */
  #isInDoubt = false
  /** Names of secrets that the last look waited for; those that are known by now are taken from its end. */
  #awaited: string[] = []
  /** After so many changes half of what is awaited may be known, and is looked at again, to be told. */
  #untilTold = 0

  constructor(config: FileConfig, standings: Standings) {
    this.#config = config
    this.#standings = standings
    this.#selection = selectionOf(config)
    this.#lastValues = config.removeWhen.includes('gone') ? undefined : new LastValues()
  }

  /** The secrets that the file names. */
  get names(): readonly string[] {
    return this.#selection.names
  }

  /** Whether a secret belongs to it. */
  covers(name: string): boolean {
    return this.#selection.covers(name)
  }

  /** Something happened to a secret of the file. May be called in the middle of that. */
  changed(name: string): void {
    this.#noticed.add(name)
  }

  /** The next look is to be at everything, whatever has happened. */
  ask(): void {
    this.#isAsked = true
  }

  /**
   * @param published what lies there; undefined before the first publication
   * @param isCurrent whether that is what the last look found
   * @returns undefined where it would find the same as the last time
   */
  look(published: Versions | undefined, isCurrent: boolean): Look | undefined {
    const noticed = this.#notice()
    const isAsked = this.#isAsked || this.#isInDoubt
    this.#isAsked = false
    this.#untilTold -= noticed.length
    if (
      published === undefined ? this.#waitsStill() : isCurrent && !isAsked && this.#isSame(noticed, published)
    )
      return undefined
    const options = {
      selection: this.#selection,
      removeWhen: this.#config.removeWhen,
      standings: this.#standings,
      lastValues: this.#lastValues,
    }
    const found = look(options, published && new Set(published.keys()), (name) => this.#gone.has(name))
    this.#isInDoubt = found.kind === 'whole' && found.isInDoubt
    // A pattern that is waited for is a provider's list, which is known by no secret.
    this.#awaited = found.kind === 'waiting' ? found.secrets.filter((name) => !isPattern(name)) : []
    this.#untilTold = Math.ceil(this.#awaited.length / 2)
    return found
  }

  /** This is what lies there now. */
  settle(published: Versions | undefined): void {
    for (const name of this.#gone) if (published?.has(name) !== true) this.#gone.delete(name)
  }

  /** Overwrites what it keeps, or gives it to `next`, which keeps the same file from now on. */
  close(next: Outlook | undefined): void {
    if (next === undefined || next.#lastValues === undefined) this.#lastValues?.close()
    else if (this.#lastValues !== undefined) {
      next.#lastValues.close()
      next.#lastValues = this.#lastValues
    }
  }

  /** What providers said is remembered here: the cache forgets soon what does not exist. */
  #notice(): readonly string[] {
    const noticed = [...this.#noticed]
    this.#noticed.clear()
    for (const name of noticed) {
      if (this.#standings.of(name).kind === 'missing') this.#gone.add(name)
      else this.#gone.delete(name)
    }
    return noticed
  }

  /** Whether one that was waited for is not known yet, and not so many are that this is to be told. */
  #waitsStill(): boolean {
    if (this.#untilTold <= 0) return false
    for (let last = this.#awaited.at(-1); last !== undefined; last = this.#awaited.at(-1)) {
      // All else is known, or for a look to say: which rules there are may have changed.
      if (this.#standings.of(last).kind === 'unknown') return true
      this.#awaited.pop()
    }
    return false
  }

  /** Whether these secrets are in the file as they stand. */
  #isSame(names: readonly string[], published: Versions): boolean {
    return names.every((name) => {
      const standing = this.#standings.of(name)
      const origin = published.get(name)?.origin
      if (standing.kind === 'held') return standing.secret === origin
      if (standing.kind !== 'expired' || standing.secret !== origin) return false
      return !this.#config.removeWhen.includes('expired')
    })
  }
}
