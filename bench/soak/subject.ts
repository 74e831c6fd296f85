import type { Timeline } from './timeline.ts'

/** A name that callers ask for, and what is known of it. */
export interface Subject {
  readonly name: string
  /** What its provider offers under its key. */
  readonly timeline: Timeline
  /** In milliseconds: the longest that the configuration says in the course of the run. */
  readonly refreshMs: number
  readonly maxStaleMs: number
  /** Named in the configuration itself rather than covered by a pattern. */
  readonly declared: boolean
  /** The member of the JSON value that the rule picks. */
  readonly field?: string
  /** Whether the configuration may lack it just now, since it changes in the course of the run. */
  readonly comesAndGoes?: boolean
}
