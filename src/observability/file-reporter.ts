import { CodedError } from '../errors.ts'
import type { Clock } from '../secrets/clock.ts'
import type { FileCells } from './file-cells.ts'
import type { Logger } from './log.ts'

export interface FileReporterOptions {
  readonly log: Logger
  readonly cells: FileCells
  readonly clock: Pick<Clock, 'wall'>
}

interface FailedEvent {
  readonly path: string
  readonly reason: string
  readonly message: string
  readonly remedy: string
  readonly error?: unknown
  readonly attempt: number
  readonly nextTryMs: number
}

interface ToldEvent {
  readonly path: string
  readonly kind: string
  readonly outcome: 'ok' | 'failed' | 'given-up'
  readonly attempt: number
  readonly error?: { readonly reason: string; readonly message: string; readonly remedy: string }
  readonly nextTryMs?: number
}

/** How many of the names that a file waits for are told. */
const mostNames = 10

/** Tells the log and the metrics what happens to files: one line for each failure that is another than the last. Never a value. */
export class FileReporter {
  readonly #log: Logger
  readonly #cells: FileCells
  readonly #clock: Pick<Clock, 'wall'>
  /** Why each file is failing now, as the log was told. */
  readonly #failing = new Map<string, string>()

  constructor({ log, cells, clock }: FileReporterOptions) {
    this.#log = log
    this.#cells = cells
    this.#clock = clock
  }

  added({ path, notifications }: { path: string; notifications: readonly string[] }): void {
    this.#cells.added(path, notifications)
    // Whatever fails from now on is news, although something like it failed before.
    this.#failing.delete(path)
  }

  dropped({ path }: { path: string }): void {
    this.#cells.dropped(path)
    this.#failing.delete(path)
  }

  waits({ path, secrets }: { path: string; secrets: readonly string[] }): void {
    const more = secrets.length > mostNames ? { more: secrets.length - mostNames } : {}
    this.#log.info({ file: path, secrets: secrets.slice(0, mostNames), ...more }, 'file waits for secrets')
  }

  written({ path, secrets }: { path: string; secrets: number }): void {
    this.#cells.written(path, this.#clock.wall())
    this.#log.info({ file: path, secrets }, 'file written')
  }

  unchanged({ path, secrets }: { path: string; secrets: number }): void {
    this.#log.debug({ file: path, secrets }, 'file is right already')
  }

  removed({ path, cause }: { path: string; cause: 'gone' | 'expired' | 'configuration' }): void {
    const why =
      cause === 'configuration'
        ? 'file removed: the configuration names it no longer, or as something else'
        : 'file removed: a secret that it needs is not there any more'
    this.#log.info({ file: path, cause }, why)
  }

  failed({ path, reason, message, remedy, error, attempt, nextTryMs }: FailedEvent): void {
    this.#cells.failed(path, reason)
    const said = `${reason} ${message}`
    const isNews = this.#failing.get(path) !== said
    this.#failing.set(path, said)
    const cause = error === undefined ? {} : { cause: error }
    const err =
      reason === 'unfit' || reason === 'incomplete'
        ? new CodedError('SIDEKEEP_FILE_UNFIT', [path, message, remedy], cause)
        : new CodedError('SIDEKEEP_FILE_UNWRITABLE', [message, remedy], cause)
    this.#log[isNews ? 'error' : 'debug'](
      { file: path, reason, attempt, nextTryMs: Math.round(nextTryMs), err },
      'file is not current',
    )
  }

  recovered({ path, attempts }: { path: string; attempts: number }): void {
    this.#failing.delete(path)
    this.#log.info({ file: path, attempts }, 'file is current again')
  }

  onDisk({ path }: { path: string }): void {
    this.#log.warn(
      { file: path },
      'file lies on a disk, where values outlive the pod: use a volume in memory (an emptyDir with medium: Memory)',
    )
  }

  swept({ path, leftovers }: { path: string; leftovers: number }): void {
    this.#log.info({ file: path, leftovers }, 'what a former run had begun to write was removed')
  }

  told({ path, kind, outcome, attempt, error, nextTryMs }: ToldEvent): void {
    this.#cells.told(path, kind, outcome === 'given-up' ? 'given_up' : outcome)
    if (outcome === 'ok') {
      this.#log.info({ file: path, kind, attempt }, 'told of a changed file')
      return
    }
    const why = { reason: error?.reason, error: error?.message, remedy: error?.remedy }
    if (outcome === 'failed') {
      const next = { nextTryMs: nextTryMs === undefined ? undefined : Math.round(nextTryMs) }
      this.#log.warn({ file: path, kind, attempt, ...why, ...next }, 'could not tell of a changed file')
    } else {
      this.#log.error({ file: path, kind, attempt, ...why }, 'gave up telling of a changed file')
    }
  }
}
