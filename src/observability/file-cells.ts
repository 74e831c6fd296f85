import { CounterCells } from './cells.ts'

/** How telling somebody of a change ended. */
export type NotificationOutcome = 'ok' | 'failed' | 'given_up'

const notificationOutcomes: readonly NotificationOutcome[] = ['ok', 'failed', 'given_up']

/** What is counted of one file. */
interface FileCell {
  writes: number
  readonly failures: CounterCells<string>
  /** In milliseconds since the epoch; undefined before the first write. */
  lastWrite: number | undefined
  /** By kind of notification. */
  readonly notifications: Map<string, CounterCells<NotificationOutcome>>
}

/** How a file stands at the moment of a scrape. */
export interface FileGauges {
  readonly isCurrent: boolean
  readonly secrets: number
}

/** What is counted of files that secrets are written to, by their paths as configured. */
export class FileCells {
  readonly #reasons: readonly string[]
  readonly #cells = new Map<string, FileCell>()
  /** Set where there are files. */
  stateOf: (path: string) => FileGauges | undefined = () => undefined

  /** @param reasons all for which writing can fail, to be shown as 0 before the first time */
  constructor(reasons: readonly string[]) {
    this.#reasons = reasons
  }

  /** A file that keeps its path keeps its counts. */
  added(path: string, notifications: readonly string[]): void {
    const cell = this.#cells.get(path)
    const kinds = new Set(notifications)
    this.#cells.set(path, {
      writes: cell?.writes ?? 0,
      failures: cell?.failures ?? new CounterCells(this.#reasons),
      lastWrite: cell?.lastWrite,
      notifications: new Map(
        [...kinds].map((kind) => [
          kind,
          cell?.notifications.get(kind) ?? new CounterCells(notificationOutcomes),
        ]),
      ),
    })
  }

  /** One that is not configured any more is not shown any more. */
  dropped(path: string): void {
    this.#cells.delete(path)
  }

  written(path: string, at: number): void {
    const cell = this.#cells.get(path)
    if (cell === undefined) return
    cell.writes += 1
    cell.lastWrite = at
  }

  failed(path: string, reason: string): void {
    this.#cells.get(path)?.failures.increase(reason)
  }

  told(path: string, kind: string, outcome: NotificationOutcome): void {
    this.#cells.get(path)?.notifications.get(kind)?.increase(outcome)
  }

  entries(): Iterable<[path: string, cell: Readonly<FileCell>]> {
    return this.#cells
  }
}
