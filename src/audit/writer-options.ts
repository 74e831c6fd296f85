import type { Clock } from '../secrets/clock.ts'
import type { Sink } from './sink.ts'

/** Told of what becomes of the lines. */
export interface WriterObserver {
  written(lines: number): void
  lost(lines: number): void
  /** Lines cannot be written; told once, until `recovered`. */
  failed(where: string, error: unknown): void
  recovered(where: string): void
  /** What lies at the file's place could not be opened; lines go where they went before. Told once, until it could. */
  stuckBehind(where: string, error: unknown): void
}

export interface WriterOptions {
  readonly sink: Sink
  /** `refuse`: whoever records waits until the line is written. */
  readonly onFailure: 'serve' | 'refuse'
  /** Makes of a line what the sink wants of it. */
  readonly dress: (line: string) => string
  readonly clock: Clock
  readonly observer: WriterObserver
}
