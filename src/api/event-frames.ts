/** What is written on an event stream (WHATWG HTML, section 9.2.6: a field a line, an empty line ends a message). */
import type { Change, Missed } from '../secrets/change-feed.ts'

/** How soon a client that lost its stream should be back, in milliseconds. */
const retry = 1_000

/**
 * A change as a message: what is in the fields is in the data too, so that a line of it can stand alone.
 *
 * @param id the change's, as the reader may see it
 */
export function changeFrame(id: string, { event, name, version, time }: Change): string {
  const data = { id, event, name, version: version ?? null, time: new Date(time).toISOString() }
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** The first thing on a stream, so that a client knows that it is connected. No message: nothing is dispatched. */
export function greeting(): string {
  return `: connected\nretry: ${retry}\n\n`
}

/**
 * Proves that the stream lives, and tells where it stands: also a client whose pattern matches nothing can come back
 * to what is in the history. An id without data is remembered and dispatches nothing.
 */
export function heartbeat(id: string): string {
  return `: alive\n${position(id)}`
}

/** An id alone. */
export function position(id: string): string {
  return `id: ${id}\n\n`
}

const explanations = {
  unknown: 'The last event that you have seen is none of this process: it may have been restarted.',
  'too-old': 'The history (api.eventHistory) does not reach back to the last event that you have seen.',
} as const

/** What was missed cannot be told: the client should read everything again, and goes on from `id`. */
export function resetFrame(id: string, { gap }: Extract<Missed, { gap: string }>): string {
  const data = { id, event: 'reset', reason: gap, detail: `${explanations[gap]} Read all secrets again.` }
  return `id: ${id}\nevent: reset\ndata: ${JSON.stringify(data)}\n\n`
}
