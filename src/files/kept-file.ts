import { rmdir } from 'node:fs/promises'
import type { FileConfig } from '../config/schema/files.ts'
import { Notifier } from './notify/notifier.ts'
import type { FilesOptions } from './options.ts'
import { kindOf, type Places } from './places.ts'
import { Publisher } from './publisher.ts'
import { Recording } from './recording.ts'
import type { Removal } from './removal.ts'

export interface KeptFileOptions extends Omit<FilesOptions, 'places'> {
  readonly places: Places
}

/** One file of the configuration: what is written there, who is told of it, and what is left of former runs. */
export class KeptFile {
  readonly config: FileConfig
  readonly publisher: Publisher
  readonly #notifier: Notifier
  readonly #options: KeptFileOptions
  #starting: Promise<void> | undefined
  #isOver = false

  constructor(config: FileConfig, options: KeptFileOptions) {
    const { clock, random, observer, audit, onCurrent } = options
    this.config = config
    this.#options = options
    const { path, notify: notifications = [], debounce: debounceMs } = config
    observer.added({ path, notifications: notifications.map(kindOfNotification) })
    this.#notifier = new Notifier({ path, notifications, debounceMs, clock, random, observer })
    this.publisher = new Publisher({
      ...options,
      config,
      recording: new Recording(audit),
      onChange: (names) => this.#notifier.changed(names),
      onState: () => {
        if (this.publisher.isCurrent) onCurrent()
      },
    })
  }

  /** Cleans up after a run that was killed, and begins to publish. */
  start(): void {
    // Another may have taken its place before it was its turn: two must never work at one path.
    if (!this.#isOver) this.#starting ??= this.#start()
  }

  /**
   * The configuration has another for its path, or none.
   *
   * @param next what is kept there from now on
   * @param before what is under way there still of those that left earlier
   * @param removal of what lies there, where `next` does not replace it
   */
  async leave(
    next: KeptFile | undefined,
    before: Promise<void> | undefined,
    removal: Removal | undefined,
  ): Promise<void> {
    await this.close(next)
    await before
    const { untold } = this.#notifier
    // Who takes over is who tells.
    if (next !== undefined && untold.length > 0) next.#notifier.changed(untold)
    await removal?.run()
    // The folder stays, for what others may have in it; a file can take its place only where nobody has.
    const isReplaced = removal !== undefined && next !== undefined && kindOf(next.config) === 'file'
    if (isReplaced) await rmdir(this.config.path).catch(() => {})
  }

  /** Writes nothing more, and tells nobody. */
  async close(next?: KeptFile): Promise<void> {
    this.#isOver = true
    await Promise.all([this.#starting, this.publisher.close(next?.publisher)])
    await this.#notifier.close()
  }

  async #start(): Promise<void> {
    const { observer, places } = this.#options
    const { path } = this.config
    // Neither keeps the file from being written: where they fail, that fails too, and says why.
    const [swept, inMemory] = await Promise.allSettled([
      places.sweepLeftovers(path, kindOf(this.config)),
      places.isInMemory(path),
    ])
    if (swept.status === 'fulfilled' && swept.value > 0) observer.swept({ path, leftovers: swept.value })
    if (inMemory.status === 'fulfilled' && inMemory.value === false) observer.onDisk({ path })
    if (!this.#isOver) this.publisher.start()
  }
}

function kindOfNotification({ http, signal }: NonNullable<FileConfig['notify']>[number]): string {
  if (http !== undefined) return 'http'
  return signal === undefined ? 'exec' : 'signal'
}
