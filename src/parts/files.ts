import type { Config, FileConfig } from '../config/schema.ts'
import { FileCells } from '../observability/file-cells.ts'
import { FileReporter } from '../observability/file-reporter.ts'
import type { Logger } from '../observability/log.ts'
import type { Clock, Random } from '../secrets/clock.ts'
import { Standings } from '../secrets/standings.ts'
import type { Heart } from './heart.ts'
import type { Prepared } from './prepared.ts'
import type { Sources } from './sources.ts'

/** What is recorded of values that are given to files. */
interface FileAudit {
  readonly isOn: boolean
  record(access: {
    readonly action: 'file'
    readonly name: string
    readonly caller: undefined
    readonly listener: string
    readonly status: 200
    readonly code: undefined
    readonly version: string
    readonly state: undefined
  }): Promise<void> | undefined
}

/** Whether a file could be written where the configuration wants it. */
export interface TriedFile {
  readonly path: string
  /** Why not; undefined where it could. */
  readonly failure: { readonly reason: string; readonly message: string; readonly remedy: string } | undefined
  /** Whether it lies in memory; undefined where that cannot be told. */
  readonly inMemory: boolean | undefined
  /** Its volume did not answer, and nothing but a SIGKILL ends a process with such a call. */
  readonly hangs: boolean
}

/** The files that are kept, as far as they are used here. */
interface KeptFiles {
  readonly wereWritten: boolean
  readonly areCurrent: boolean
  stateOf(path: string): { readonly isCurrent: boolean; readonly secrets: number } | undefined
  start(): void
  called(): void
  prepare(files: readonly FileConfig[]): Prepared
  tryOnce(): Promise<TriedFile[]>
  close(): Promise<void>
}

/** The room of the files, as far as it is used here. */
interface FilesRoom {
  readonly Files: new (
    files: readonly FileConfig[],
    options: {
      readonly standings: Standings
      readonly watchAll: (changed: (name: string) => void) => () => void
      readonly audit: FileAudit
      readonly clock: Clock
      readonly random: Random
      readonly observer: FileReporter
      readonly onCurrent: () => void
    },
  ) => KeptFiles
  readonly fileFailures: readonly string[]
}

export interface FilesPartOptions {
  /** The room and what it costs are there only where the configuration wants files. */
  readonly load: () => Promise<FilesRoom>
  readonly heart: Heart
  readonly sources: Sources
  readonly audit: FileAudit
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  /** Called when a file has become current: what is required may be there. */
  readonly onCurrent: () => void
}

/** The files that secrets are written to, where there are any: nothing is loaded for a sidecar without. */
export class FilesPart {
  readonly #options: FilesPartOptions
  #files: KeptFiles | undefined
  #isStarted = false

  constructor(options: FilesPartOptions) {
    this.#options = options
  }

  /** Makes ready to keep the files of a configuration, and touches none. */
  async create({ files }: Pick<Config, 'files'>): Promise<void> {
    if (files.length > 0) this.#files = await this.#make(files)
  }

  /** Whether all required files have been as they are to be once. */
  get wereWritten(): boolean {
    return this.#files?.wereWritten ?? true
  }

  /** Whether all required files are as they are to be. */
  get areCurrent(): boolean {
    return this.#files?.areCurrent ?? true
  }

  /** Whether each of them could be written; nothing is, and nothing is left behind. Never rejects. */
  async tryOnce(): Promise<TriedFile[]> {
    return (await this.#files?.tryOnce()) ?? []
  }

  start(): void {
    this.#isStarted = true
    this.#files?.start()
  }

  /** A call to a provider has ended. */
  called(): void {
    this.#files?.called()
  }

  async prepare(files: readonly FileConfig[]): Promise<Prepared | undefined> {
    const kept = this.#files
    if (kept !== undefined) return kept.prepare(files)
    if (files.length === 0) return undefined
    // Made without any, so that whatever is given up has left no trace.
    const made = await this.#make([])
    // Nobody required a file so far.
    void made.wereWritten
    const change = made.prepare(files)
    return {
      commit: () => {
        this.#files = made
        change.commit()
        if (this.#isStarted) made.start()
      },
      abandon: () => made.close(),
    }
  }

  /** Writes nothing more; what is under way is finished. */
  async close(): Promise<void> {
    await this.#files?.close()
  }

  async #make(files: readonly FileConfig[]): Promise<KeptFiles> {
    const { load, heart, sources, audit, log, clock, random, onCurrent } = this.#options
    const { Files, fileFailures } = await load()
    heart.metrics.files ??= new FileCells(fileFailures)
    const cells = heart.metrics.files
    const standings = new Standings({
      cache: heart.cache,
      canList: (provider) => sources.all.get(provider)?.lists === true,
      stoodStill: () => heart.refresher.stoodStill,
    })
    const made = new Files(files, {
      standings,
      watchAll: (changed) => heart.feed.watchAll(changed),
      audit,
      clock,
      random,
      observer: new FileReporter({ log, cells, clock }),
      onCurrent,
    })
    cells.stateOf = (path) => made.stateOf(path)
    return made
  }
}
