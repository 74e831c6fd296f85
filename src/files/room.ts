import { isEqual } from '../config/equal.ts'
import type { FileConfig } from '../config/schema/files.ts'
import { Discovery } from './discovery.ts'
import { KeptFile } from './kept-file.ts'
import type { FilesOptions } from './options.ts'
import type { Places } from './places.ts'
import { isInMemory } from './writer/memory.ts'
import { publish, sweepLeftovers, unpublish } from './writer/publish.ts'

/** A change that is ready to happen: none of it can fail. */
export interface PreparedFiles {
  commit(): void
  abandon(): Promise<void>
}

const places: Places = { publish, unpublish, sweepLeftovers, isInMemory }

/** The files that secrets are written to, and kept as the cache is. */
export class Files {
  readonly #options: FilesOptions
  readonly #places: Places
  readonly #discovery: Discovery
  /** By path. */
  #kept = new Map<string, KeptFile>()
  /** Those that were replaced or removed, until nothing of theirs is under way. */
  readonly #leaving = new Set<Promise<void>>()
  #wereWritten = false
  #isStarted = false
  #isOver = false
  #unwatch = (): void => {}

  constructor(files: readonly FileConfig[], options: FilesOptions) {
    this.#options = options
    this.#places = options.places ?? places
    this.#discovery = new Discovery(options)
    for (const config of files) this.#kept.set(config.path, this.#keep(config))
  }

  /**
   * Whether every required file has been current once. It stays so: one that a changed configuration requires beside the
   * others does not take a sidecar that was ready out of service.
   */
  get wereWritten(): boolean {
    this.#wereWritten ||= this.#required().every(({ publisher }) => publisher.wasCurrent)
    return this.#wereWritten
  }

  /** Whether every required file is as it is to be, as far as it was once. */
  get areCurrent(): boolean {
    if (!this.wereWritten) return false
    return this.#required().every(({ publisher }) => !publisher.isFailing)
  }

  /** What lies at a path, for the metrics: undefined where nothing is kept. */
  stateOf(path: string): { readonly isCurrent: boolean; readonly secrets: number } | undefined {
    const publisher = this.#kept.get(path)?.publisher
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

  /** Writes nothing more; what is under way is finished. */
  async close(): Promise<void> {
    this.#isOver = true
    this.#unwatch()
    this.#discovery.close()
    await Promise.all([...[...this.#kept.values()].map((kept) => kept.close()), ...this.#leaving])
  }

  #required(): KeptFile[] {
    return [...this.#kept.values()].filter(({ config }) => config.required)
  }

  #change(files: readonly FileConfig[]): void {
    // By the configuration so far: what was written once stays so.
    void this.wereWritten
    const before = this.#kept
    this.#kept = new Map()
    const others: KeptFile[] = []
    for (const config of files) {
      const former = before.get(config.path)
      if (former !== undefined && isEqual(former.config, config)) {
        this.#kept.set(config.path, former)
        continue
      }
      const kept = this.#keep(config)
      this.#kept.set(config.path, kept)
      others.push(kept)
    }
    const left = [...before.values()]
      .filter((former) => this.#kept.get(former.config.path) !== former)
      .map((former) => former.leave(this.#kept.get(former.config.path)))
    this.#leave(
      Promise.all([...left, ...this.#leaving]).then(() => {
        // Only now is nothing of the former ones under way at their places.
        if (this.#isStarted && !this.#isOver) for (const kept of others) kept.start()
      }),
    )
  }

  #leave(work: Promise<void>): void {
    const left = work.finally(() => {
      this.#leaving.delete(left)
    })
    this.#leaving.add(left)
  }

  #keep(config: FileConfig): KeptFile {
    return new KeptFile(config, { ...this.#options, places: this.#places, discovery: this.#discovery })
  }
}
