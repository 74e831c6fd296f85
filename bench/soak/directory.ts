/** A directory of secrets as Kubernetes mounts one: a new folder and the swap of a symbolic link at each change. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from './store.ts'
import type { Offer } from './timeline.ts'

export class Directory {
  readonly path: string
  readonly store: Store
  /** What lies on the disk for readers to find. */
  #published: ReadonlyMap<string, Offer> = new Map()
  #generation = 0

  constructor(path: string, store: Store) {
    this.path = path
    this.store = store
  }

  /** Writes what the store has now. Until it is swapped in, what lay there before is still what readers find. */
  async publish(): Promise<void> {
    const old = this.#folder
    this.#generation += 1
    const offers = this.store.current
    await mkdir(join(this.path, this.#folder), { recursive: true })
    for (const [key, { value }] of offers) {
      if (value !== undefined) await writeFile(join(this.path, this.#folder, key), value)
    }
    this.#answered(offers)
    await symlink(this.#folder, join(this.path, '..data-new'))
    await rename(join(this.path, '..data-new'), join(this.path, '..data'))
    this.#answered(this.#published)
    this.#published = offers
    if (this.#generation === 1) {
      for (const key of offers.keys()) await symlink(join('..data', key), join(this.path, key))
    }
    await rm(join(this.path, old), { recursive: true, force: true })
  }

  /** What is there was there until now: nobody can be told that it is too old. */
  confirm(): void {
    this.#answered(this.#published)
  }

  #answered(offers: ReadonlyMap<string, Offer>): void {
    const now = performance.now()
    for (const [key, offer] of offers) this.store.timeline(key)?.answered(offer, now)
  }

  get #folder(): string {
    return `..generation-${this.#generation}`
  }
}
