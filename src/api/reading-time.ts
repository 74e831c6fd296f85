import type { ServerResponse } from 'node:http'
import type { Clock } from '../secrets/clock.ts'

/** How long a caller may take nothing of an answer that is written, before the connection is cut; in milliseconds. */
export const longestStall = 10_000
/**
 * How long it may take to read an answer in all, in milliseconds. Who takes a byte now and then never stalls; who sends
 * one now and then looks as if something moved.
 */
export const longestRead = 60_000

export interface ReadingTime {
  readonly clock: Clock
  /** In milliseconds. */
  readonly longestStall: number
  readonly longestRead: number
}

/**
 * Bounds the time in which an answer is read that is written and not taken yet. The stall is measured by the socket's own
 * timer, which knows how much the system still has to take: it is noticed after once to twice the time.
 *
 * @param cut ends the connection
 */
export function boundReading(
  response: ServerResponse,
  { clock, longestStall, longestRead }: ReadingTime,
  cut: () => void,
): void {
  const { socket } = response.req
  const timer = clock.setTimer(cut, longestRead)
  const before = socket.timeout
  socket.setTimeout(longestStall)
  response.once('timeout', cut)
  response.once('close', () => timer.cancel())
  response.once('finish', () => {
    // Node has set the keep-alive time by now, but for a connection on which the next request stands in line.
    if (socket.timeout === longestStall && before !== undefined) socket.setTimeout(before)
  })
}
