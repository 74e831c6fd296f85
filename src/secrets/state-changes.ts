import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import type { SecretsObserver } from './observer.ts'
import { Schedule } from './schedule.ts'

/** Tells the observer of each change of a secret's state once, also of those that time alone brings. */
export class StateChanges {
  readonly #clock: Clock
  readonly #observer: SecretsObserver
  readonly #schedule: Schedule
  /** One for all entries, of which there may be a hundred thousand. */
  readonly #onDue = (entry: Entry): void => this.settle(entry)

  constructor(clock: Clock, observer: SecretsObserver) {
    this.#clock = clock
    this.#observer = observer
    this.#schedule = new Schedule(clock)
  }

  /** Reports the state that an entry is in now, and plans for the change that time alone will bring. */
  settle(entry: Entry): void {
    const now = this.#clock.now()
    this.report(entry, entry.state(now))
    const next = entry.nextChange(now)
    if (next === undefined) {
      this.forget(entry)
      return
    }
    entry.onDue = this.#onDue
    this.#schedule.plan(entry, next)
  }

  /** No rule names it any more: to its readers it is missing. */
  reportRemoved(entry: Entry): void {
    this.#report(entry, 'missing', { removed: true })
  }

  report(entry: Entry, to: Entry['reported']): void {
    this.#report(entry, to, {})
  }

  #report(entry: Entry, to: Entry['reported'], more: { removed?: true }): void {
    const from = entry.reported
    if (from === to) return
    entry.reported = to
    const { match, declared, provider } = entry
    this.#observer.stateChanged({ secret: match.name, provider, declared, from, to, ...more })
  }

  /** Nothing is held of it any more: time changes nothing. */
  forget(entry: Entry): void {
    this.#schedule.drop(entry)
  }

  close(): void {
    this.#schedule.close()
  }
}
