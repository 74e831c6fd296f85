import type { UnitSource } from './unit-source.ts'

/** What part of its wait a unit may come sooner to come together with others. */
const soonerShare = 0.1
/** So many times to come are remembered of a source; the nearest are forgotten first, where little can still join. */
const mostRemembered = 1_024

interface Meeting {
  readonly at: number
  /** How many more can come then and still go in the same call. */
  places: number
}

/**
 * Brings units together again that one call may serve. An outage, a forced refresh, a late configuration: each gives units
 * of one batch times of their own, and since each goes on at its own interval they would stay apart for good, with a call
 * for each key. So a unit that is planned looks for a time a little sooner at which others come already, and joins these
 * while the call has room: after some intervals there are about as many calls as full batches make.
 */
export class Meetings {
  readonly #bySource = new WeakMap<object, Meeting[]>()

  /**
   * @param at when the unit would come by itself, in milliseconds on the monotonic clock
   * @returns when it comes, between a tenth of its wait sooner and `at`
   */
  near({ batch }: Pick<UnitSource, 'batch'>, now: number, at: number): number {
    if (batch === undefined || !Number.isFinite(at)) return at
    const meetings = (this.#bySource.get(batch) ?? []).filter((meeting) => meeting.at > now)
    this.#bySource.set(batch, meetings)
    const earliest = at - (at - now) * soonerShare
    let found: Meeting | undefined
    for (const meeting of meetings) {
      if (meeting.places === 0 || meeting.at < earliest || meeting.at > at) continue
      if (found === undefined || meeting.at > found.at) found = meeting
    }
    if (found !== undefined) {
      found.places -= 1
      return found.at
    }
    if (meetings.length >= mostRemembered) meetings.shift()
    meetings.push({ at, places: batch.batchSize - 1 })
    return at
  }
}
