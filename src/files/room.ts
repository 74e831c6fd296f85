import { posix } from 'node:path'
import { isEqual } from '../config/equal.ts'
import type { FileConfig } from '../config/schema/files.ts'
import { KeptFile } from './kept-file.ts'
import type { FilesOptions } from './options.ts'
import { kindOf, type Places } from './places.ts'
import { Removals } from './removals.ts'
import { type TriedFile, tryFiles } from './trial.ts'
import { isInMemory } from './writer/memory.ts'
import { publish, sweepLeftovers, unpublish } from './writer/publish.ts'
import { tryPlace } from './writer/trial.ts'

/** A change that is ready to happen: none of it can fail. */
export interface PreparedFiles {
  commit(): void
  abandon(): Promise<void>
}

const places: Places = { publish, unpublish, tryPlace, sweepLeftovers, isInMemory }

/** The files that secrets are written to, and kept as the cache is. */
export class Files {
  readonly #options: FilesOptions
  readonly #places: Places
  /** By place: one path may be spelled in several ways. */
  #kept = new Map<string, KeptFile>()
  /** By place, until nothing is under way there of those that were replaced or removed. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #removals: Removals
  #wereWritten = false
  #isStarted = false
  #isOver = false
  #unwatch = (): void => {}

  constructor(files: readonly FileConfig[], options: FilesOptions) {
    this.#options = options
    this.#places = options.places ?? places
    this.#removals = new Removals({ ...options, places: this.#places })
    for (const config of files) this.#kept.set(placeOf(config), this.#keep(config))
  }

  /**
   * Whether every required file has been current once. It stays so: one that a changed configuration requires beside the
   * others does not take a sidecar that was ready out of service.
   */
  get wereWritten(): boolean {
    this.#wereWritten ||= this.#required().every(({ publisher }) => publisher.wasCurrent)
    return this.#wereWritten
  }

  /** Whether every required file is as it is to be, as far as it was once, and every one that was is gone. */
  get areCurrent(): boolean {
    if (!this.wereWritten || this.#removals.isRequiredFailing) return false
    return this.#required().every(({ publisher }) => !publisher.isFailing)
  }

  /** What lies at a path, for the metrics: undefined where nothing is kept. */
  stateOf(path: string): { readonly isCurrent: boolean; readonly secrets: number } | undefined {
    const publisher = this.#kept.get(placeOf({ path }))?.publisher
    return publisher && { isCurrent: publisher.isCurrent, secrets: publisher.size }
  }

  /** Writes them as soon as it is known what they are to hold, and again whenever that changes. */
  start(): void {
    if (this.#isStarted || this.#isOver) return
    this.#isStarted = true
    this.#unwatch = this.#options.watchAll((name) => {
      for (const { publisher } of this.#kept.values()) if (publisher.covers(name)) publisher.changed(name)
    })
    for (const kept of this.#kept.values()) kept.start()
  }

  /** A call to a provider has ended: what is waited for may be known, without any secret that has changed. */
  called(): void {
    if (!this.#isStarted) return
    for (const { publisher } of this.#kept.values()) if (publisher.isWaiting) publisher.wake()
  }

  /**
   * Makes ready to keep the files of another configuration. One that stays as it is is not touched; what lies at a path
   * that is not named any more is removed, since nobody keeps it current.
   */
  prepare(files: readonly FileConfig[]): PreparedFiles {
    return { commit: () => this.#change(files), abandon: async () => {} }
  }

  /** Whether each of them could be written, in the order of the configuration. Nothing is left behind. Never rejects. */
  async tryOnce(): Promise<TriedFile[]> {
    const configs = [...this.#kept.values()].map(({ config }) => config)
    return await tryFiles(configs, { places: this.#places, clock: this.#options.clock })
  }

  /** Writes nothing more; what is under way is finished. */
  async close(): Promise<void> {
    this.#isOver = true
    this.#unwatch()
    this.#removals.close()
    await Promise.all([...[...this.#kept.values()].map((kept) => kept.close()), ...this.#leaving.values()])
  }

  #required(): KeptFile[] {
    return [...this.#kept.values()].filter(({ config }) => config.required)
  }

  #change(files: readonly FileConfig[]): void {
    // By the configuration so far: what was written once stays so.
    void this.wereWritten
    const before = this.#kept
    this.#kept = new Map()
    for (const config of files) {
      const former = before.get(placeOf(config))
      const stays = former !== undefined && isEqual(former.config, config)
      this.#kept.set(placeOf(config), stays ? former : this.#keep(config))
    }
    for (const place of new Set([...before.keys(), ...this.#kept.keys()])) {
      const [former, next] = [before.get(place), this.#kept.get(place)]
      if (former !== next) this.#follow(place, former, next)
    }
  }

  /** Each place by itself: one that hangs keeps no other from being written. */
  #follow(place: string, former: KeptFile | undefined, next: KeptFile | undefined): void {
    const leaving = this.#leaving.get(place)
    if (next !== undefined) this.#removals.withdraw(place, next.config)
    const left = Promise.all([former && this.#leave(place, former, next), leaving]).then(() => {
      if (this.#leaving.get(place) === left) this.#leaving.delete(place)
      // Only now is nothing of the former ones under way there.
      if (this.#isStarted && !this.#isOver) next?.start()
    })
    this.#leaving.set(place, left)
  }

  async #leave(place: string, former: KeptFile, next: KeptFile | undefined): Promise<void> {
    const { config } = former
    const isReplaced = next !== undefined && kindOf(next.config) === kindOf(config)
    const removal = isReplaced ? undefined : this.#removals.add(place, config)
    await former.leave(next, this.#leaving.get(place), removal)
    if (removal !== undefined) this.#removals.over(place, removal)
    // What fails to go is shown until it is gone; the same path may be kept again by then.
    const { path } = config
    if (this.#kept.get(place)?.config.path !== path) this.#options.observer.dropped({ path })
  }

  #keep(config: FileConfig): KeptFile {
    return new KeptFile(config, { ...this.#options, places: this.#places })
  }
}

function placeOf({ path }: Pick<FileConfig, 'path'>): string {
  return posix.normalize(path).replace(/\/+$/, '')
}
