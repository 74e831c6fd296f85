/**
 * Judges what callers were told of secrets by what the backends really had, and when. It is right about what it calls
 * wrong: where a race would let a correct sidecar look wrong, it gives way.
 */
import type { Findings } from './findings.ts'
import type { Subject } from './subject.ts'
import type { Offer } from './timeline.ts'
import { wholeOf } from './values.ts'

/**
 * What two processes on a busy machine may differ by, in milliseconds: from when the sidecar begins to ask until the
 * backend hears it, and from when it writes an answer until the caller reads it.
 */
export const tolerance = 2_000

/** So many whole answers of the backend within the time, and the sidecar must have one of them. */
const enough = 3

/** One question of a caller, begun before it is sent. */
export interface Look {
  readonly subject: Subject
  readonly sentAt: number
  /** What was surely seen before: an older offer than this must not come any more. */
  readonly floor: number
}

/** A value that a caller got, or was told to still be current. */
export interface Served {
  readonly value: Buffer
  readonly version: string | undefined
  readonly state: string | undefined
  /** The header Age, in seconds. */
  readonly age: number | undefined
  readonly endedAt: number
}

export class Oracle {
  readonly #findings: Findings
  /** Per name the newest offer that a caller surely saw. */
  readonly #seen = new Map<string, number>()
  /** Per name the offers whose value reached a caller, to count the rotations that were seen. */
  readonly #reached = new Map<string, Set<number>>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  begin(subject: Subject, sentAt: number): Look {
    return { subject, sentAt, floor: this.#seen.get(subject.name) ?? 0 }
  }

  /** How many different versions callers got to see beyond the first of each name. */
  get rotationsSeen(): number {
    let sum = 0
    for (const offers of this.#reached.values()) sum += Math.max(0, offers.size - 1)
    return sum
  }

  served(look: Look, answer: Served): void {
    const { subject } = look
    const offer = this.#place(look, valueKey(subject, answer.value), answer.endedAt)
    if (offer === undefined) return
    const reached = this.#reached.get(subject.name) ?? new Set()
    this.#reached.set(subject.name, reached.add(offer.index))
    if (offer.version !== undefined && answer.version !== undefined && offer.version !== answer.version) {
      // The version is a name of the backend's, not a value.
      this.#findings.add('a version that is not the value’s', `${subject.name}: ${answer.version}`)
    }
    this.#judgeAge(look, offer, answer)
  }

  /** A caller was told that there is no such secret. */
  notFound(look: Look, endedAt: number): void {
    const { subject } = look
    if (subject.comesAndGoes === true) return
    if (subject.timeline.candidates(undefined, endedAt).length === 0) {
      this.#findings.add('404 for a secret that always existed', subject.name)
      return
    }
    this.#place(look, undefined, endedAt)
  }

  /** A caller was told that a secret has expired, or was never loaded. */
  unavailable(look: Look, code: string, endedAt: number): void {
    const { subject, sentAt } = look
    const { timeline, maxStaleMs, declared, name } = subject
    // What a pattern covers may be evicted, and is not asked for before somebody wants it.
    if (!declared || subject.comesAndGoes === true) return
    if (timeline.candidates(undefined, endedAt).length > 0) return
    const since = code === 'SIDEKEEP_SECRET_EXPIRED' ? sentAt - maxStaleMs / 2 : Number.NEGATIVE_INFINITY
    const confirmations = timeline.confirmedBetween(since, sentAt - tolerance)
    if (confirmations >= enough) {
      this.#findings.add(`${code} although the backend answered`, `${name}: ${confirmations} whole answers`)
    }
  }

  /**
   * Which offer a value stands for: the oldest that fits with what was seen before. Older than it truly is, maybe, but
   * never newer, so that whoever comes later is not held to more than is known.
   */
  #place(look: Look, value: Buffer | undefined, endedAt: number): Offer | undefined {
    const { subject, floor } = look
    const candidates = subject.timeline.candidates(value, endedAt)
    const offer = candidates.find(({ index }) => index >= floor)
    if (offer !== undefined) {
      this.#seen.set(subject.name, Math.max(floor, this.#seen.get(subject.name) ?? 0, offer.index))
      return offer
    }
    const { name } = subject
    if (candidates.length === 0) this.#findings.add('a value that was never right', name)
    else {
      const versions = candidates.map(({ index }) => index).join(', ')
      this.#findings.add('older after newer', `${name}: offer ${versions} after offer ${floor} was served`)
    }
    return undefined
  }

  #judgeAge({ subject, sentAt, floor }: Look, offer: Offer, { state, age, endedAt, value }: Served): void {
    const { name, maxStaleMs, refreshMs, timeline } = subject
    // Of all offers that the value may stand for, the one asked for last: the sidecar gets the benefit of the doubt.
    let confirmedAt = offer.lastAskedAt
    for (const { index, lastAskedAt } of timeline.candidates(valueKey(subject, value), endedAt)) {
      if (index >= floor) confirmedAt = Math.max(confirmedAt, lastAskedAt)
    }
    const atLeast = sentAt - confirmedAt
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
    if (atLeast > maxStaleMs + tolerance) {
      this.#findings.add('a value older than maxStale', `${name}: ${seconds(atLeast)}`)
    }
    if (state === 'fresh' && atLeast > refreshMs + tolerance) {
      this.#findings.add('overdue and called fresh', `${name}: ${seconds(atLeast)}`)
    }
    if (age === undefined || !Number.isInteger(age) || age < 0) {
      this.#findings.add('an answer without Age', name)
    } else if (age * 1_000 + 1_000 + tolerance < atLeast) {
      this.#findings.add('an Age younger than the value', `${name}: ${age} s, and it is ${seconds(atLeast)}`)
    } else if (age * 1_000 > maxStaleMs) {
      this.#findings.add('an Age beyond maxStale', `${name}: ${age} s`)
    }
  }
}

/** What a rule's field picks is all that a caller sees; the offers are found by the whole value that holds it. */
function valueKey({ field }: Subject, value: Buffer): Buffer {
  return field === undefined ? value : wholeOf(field, value)
}
