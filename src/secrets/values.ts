import { pickField } from './field.ts'
import type { Reading } from './reading.ts'

/** Where a value lies that another part of the sidecar itself uses: a certificate, a password. */
export interface ValuePlace {
  readonly secret: string
  /** A member of its JSON value, or a JSON Pointer. */
  readonly field?: string | undefined
}

/** The values of the cache for the sidecar's own use. Nobody keeps one for longer than it takes to use it. */
export class SecretValues {
  readonly #read: (name: string) => Reading
  readonly #watch: (name: string, changed: () => void) => () => void

  constructor({
    cache,
    feed,
  }: {
    readonly cache: { read(name: string): Reading }
    readonly feed: { watch(name: string, changed: () => void): () => void }
  }) {
    this.#read = (name) => cache.read(name)
    this.#watch = (name, changed) => feed.watch(name, changed)
  }

  /** What lies there now, as text; undefined where nothing is served, or it is no text, or has no such field. */
  read({ secret: name, field }: ValuePlace): string | undefined {
    const reading = this.#read(name)
    if (reading.kind !== 'held' || !reading.secret.isText) return undefined
    const text = reading.secret.reveal().toString('utf8')
    return field === undefined ? text : pickField(text, field)
  }

  /**
   * Calls `changed` after another version has arrived or the state has changed: what is read then is the new one.
   *
   * @returns what ends it
   */
  watch({ secret: name }: ValuePlace, changed: () => void): () => void {
    let isOver = false
    // The feed tells in the middle of the change.
    const later = (): void => {
      if (!isOver) changed()
    }
    const end = this.#watch(name, () => setImmediate(later))
    return () => {
      isOver = true
      end()
    }
  }
}
