import type { ServerResponse } from 'node:http'
import type { Rendition, Representation } from '../secrets/rendition.ts'
import { whenClosed } from './socket-end.ts'

/** The bytes of a value that are being answered with. */
export interface Value {
  readonly rendition: Rendition
  readonly representation: Representation
}

/**
 * Keeps the bytes of an answer from being overwritten until they are on their way. To be called at once after they were
 * given to `response.end`: almost always the system has taken them all by then, and there is nothing to keep.
 */
export function keepWhileSending(response: ServerResponse, value: Value): void {
  if (response.writableLength === 0 || response.destroyed) value.rendition.sent(value.representation)
  else pinUntilSent(response, value)
}

/** For a caller that reads slowly, or one that asked for more before its last answer was sent. */
function pinUntilSent(response: ServerResponse, { rendition, representation }: Value): void {
  rendition.pin()
  let isOver = false
  const release = (): void => {
    if (isOver) return
    isOver = true
    forget()
    rendition.sent(representation)
    rendition.unpin()
  }
  response.once('close', release)
  // An answer that stands in line behind another is told nothing when their connection ends.
  const forget = whenClosed(response.req.socket, release)
}
