/** Who wants a call to a provider, and how much. Types and the few numbers that go with them. */

/**
 * Who waits for a call: someone at this moment; a secret that is not served, or about to be served no longer, one that
 * the application cannot do without (`required`) before another that is declared (`expiring`); or nobody yet.
 */
export type Urgency = 'caller' | 'required' | 'expiring' | 'routine'

/** The urgencies, the greatest first. */
export const urgencies: readonly Urgency[] = ['caller', 'required', 'expiring', 'routine']

/** A call that is being made. The asks for several keys may share one. */
export interface MadeCall {
  /** Whether it was told and counted; by the first of them that ends. */
  isTold: boolean
}

/** One wish for a call. */
export interface Ask {
  readonly urgency: Urgency
  /** The provider is really being called now. Not called where the call was refused, dropped or given up in the queue. */
  readonly began: (call: MadeCall) => void
  /** A person or an application asked for it: may probe an open breaker ahead of its time, within bounds. */
  readonly forced?: boolean
  /** How long it may wait for its turn, in milliseconds; then it is given up. Undefined: as long as it takes. */
  readonly patienceMs?: number
  /**
   * The provider's version of what is held, where it would do to hear that it is current still. Read when the call is
   * made, since what is held may change while it waits for its turn.
   */
  readonly held?: () => string | undefined
}

/** What bounds the calls to one provider (the options of the same names in the configuration). */
export interface CallLimits {
  /** On average; as many may come at once after a pause. */
  readonly maxCallsPerSecond: number
  /** How many calls are under way at a time. */
  readonly maxConcurrentCalls: number
  /** How many asks that have a limit to their patience may wait for their turn. */
  readonly maxQueuedCalls: number
}

export const defaultCallLimits: CallLimits = {
  maxCallsPerSecond: 100,
  /** A start with a thousand secrets is no stampede. */
  maxConcurrentCalls: 8,
  /** Callers choose the names of first fetches, and may have left before their turn comes. */
  maxQueuedCalls: 1_000,
}

export function moreUrgent(a: Urgency, b: Urgency): Urgency {
  return urgencies.indexOf(a) <= urgencies.indexOf(b) ? a : b
}
