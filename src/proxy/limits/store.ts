import type { Quota, Verdict } from '../../limits/gcra.ts'

/** A limit as stores know it. */
export interface StoredLimit {
  readonly name: string
  readonly quota: Quota
  /** What tells its keys apart, as the configuration writes it: other keys owe nothing. */
  readonly by: string
  /** `shadow`: what it says refuses nobody. */
  readonly mode: 'enforce' | 'shadow'
  /** How many keys that owe something are remembered in this process. */
  readonly maxKeys: number
}

/** What one limit is asked of one request. */
export interface Demand {
  /** The limit's place among those that the store was made with. */
  readonly place: number
  /** Whose budget it is. Short, and nothing that a client sent as it is. */
  readonly key: string
}

/**
 * What the limits say of one request, in the order of the demands; or what applies because they could not be asked.
 */
export type Answer = readonly Verdict[] | 'allow' | 'deny'

/** Where the budgets of a proxy's limits are counted. */
export interface LimitStore {
  /**
   * Asks all limits of one request together: it costs something only where every enforced one lets it through, and then
   * in all of them, but for shadows that would have refused it. Else whoever hammers a limit of their own would drain the
   * one that all share, and two requests could both pass on the last place. Never rejects.
   *
   * @param now milliseconds on the monotonic clock
   */
  take(demands: readonly Demand[], now: number): Answer | Promise<Answer>
  /**
   * Makes it ready to be asked; to be awaited before the first request is let in. Resolves when it is, or when nobody is
   * to wait for that any longer. Never rejects.
   */
  open(): Promise<void>
  /** How many keys of the limit at this place are remembered in this process. */
  size(place: number): number
  /** Gives up what it holds on to; requests that still come are answered somehow. */
  close(): Promise<void>
}
