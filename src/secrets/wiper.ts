import type { Rendition } from './rendition.ts'

/**
 * Overwrites what is held no longer, a turn of the event loop later: whoever waited for a fetch reads the cache and
 * answers in promises that settle within the same turn, and another fetch may rotate or evict the secret between them.
 */
export class Wiper {
  #waiting: Rendition[] = []
  #turn: NodeJS.Immediate | undefined

  discard(rendition: Rendition | undefined): void {
    if (rendition === undefined) return
    this.#waiting.push(rendition)
    this.#turn ??= setImmediate(() => this.flush())
  }

  /** Overwrites at once, save what is still on its way to a caller: that is overwritten when it is sent. */
  flush(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    for (const rendition of this.#waiting) rendition.wipe()
    this.#waiting = []
  }
}
