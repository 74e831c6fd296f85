import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import type { SecretsObserver } from './observer.ts'
import { Schedule } from './schedule.ts'

/** Tells the observer of each change of a secret's state once, also of those that time alone brings. */
export class StateChanges {
  readonly #clock: Clock
  readonly #observer: SecretsObserver
  readonly #schedule: Schedule

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
    if (next === undefined) this.forget(entry.match.name)
    else this.#schedule.at(entry.match.name, next, () => this.settle(entry))
  }

  report(entry: Entry, to: Entry['reported']): void {
    const from = entry.reported
    if (from === to) return
    entry.reported = to
    const { name: secret, rule } = entry.match
    this.#observer.stateChanged({ secret, provider: rule.provider, declared: entry.declared, from, to })
  }

  /** Nothing is held under the name any more: time changes nothing. */
  forget(name: string): void {
    this.#schedule.cancel(name)
  }

  close(): void {
    this.#schedule.close()
  }
}
