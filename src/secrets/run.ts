import type { MadeCall, Urgency } from './ask.ts'
import type { Confirmation } from './entry.ts'
import type { RunOutcome } from './outcome.ts'

/** Who wants a run. */
export interface Wish {
  /** Where it is absent, the state of the unit's secrets decides. */
  readonly urgency?: Urgency
  /** A person or an application asked for it: it fetches, and when it fails that says nothing of how long to wait. */
  readonly forced?: boolean
  /** How long the run may wait for its turn at the provider, in milliseconds. */
  readonly patienceMs?: number | undefined
}

/** One attempt of a unit, from the queue before the provider to its outcome. */
export class Run {
  readonly forced: boolean
  /** It renews a lease, or looks whether an earlier place can be asked again: it need not bring a value. */
  renews: boolean
  /** Undefined while the provider is not called for it yet. */
  began: Confirmation | undefined
  /** Where several providers are asked in turn: from when on, on the monotonic clock. */
  askedAt: number | undefined
  /** The call that is made for it, maybe for others too. */
  call: MadeCall | undefined
  /** What was held was in doubt when the call was made, so that it fetches in full. */
  settlesDoubt = false
  /** A caller waits for it: it goes ahead of all others. */
  isHurried: boolean
  readonly ended: Promise<RunOutcome>
  readonly #resolve: (outcome: RunOutcome | Promise<RunOutcome>) => void

  constructor(wish: Wish, renews: boolean) {
    this.forced = wish.forced ?? false
    this.renews = renews
    this.isHurried = wish.urgency === 'caller'
    const { promise, resolve } = Promise.withResolvers<RunOutcome>()
    this.ended = promise
    this.#resolve = resolve
  }

  endsWith(outcome: RunOutcome | Promise<RunOutcome>): this {
    this.#resolve(outcome)
    return this
  }
}
