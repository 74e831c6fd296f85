import type { Caller } from '../access/caller.ts'
import { sealed } from './event-ids.ts'
import type { Frame } from './event-stream.ts'
import { frameOf } from './event-stream.ts'

/** An id of the feed, as a caller may see it. */
export function idFor(caller: Caller, id: string): string {
  return caller.mayKnowAll ? id : sealed(id)
}

/**
 * A message for all streams: made when the first one wants it, and then the same for all who may know of every secret,
 * and for all others.
 */
export class SharedFrame {
  readonly #id: string
  readonly #render: (id: string) => string
  #open: Frame | undefined
  #sealed: Frame | undefined

  constructor(id: string, render: (id: string) => string) {
    this.#id = id
    this.#render = render
  }

  for(caller: Caller): Frame {
    if (caller.mayKnowAll) {
      this.#open ??= frameOf(this.#render(this.#id))
      return this.#open
    }
    this.#sealed ??= frameOf(this.#render(sealed(this.#id)))
    return this.#sealed
  }
}
