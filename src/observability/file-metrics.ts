import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { FileCells } from './file-cells.ts'

/** The metrics of the files that secrets are written to, where there are any. */
export function fileMetrics(registers: Registry[], cells: FileCells): void {
  new Counter({
    name: 'sidekeep_file_writes_total',
    help: 'Times that a file was written anew. Refreshes that bring nothing new write nothing.',
    labelNames: ['file'],
    registers,
    collect() {
      this.reset()
      for (const [file, { writes }] of cells.entries()) this.inc({ file }, writes)
    },
  })
  new Counter({
    name: 'sidekeep_file_write_failures_total',
    help: 'Times that a file could not be written or removed, by why. What lay there before lies there still.',
    labelNames: ['file', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const [file, { failures }] of cells.entries())
        for (const [reason, count] of failures.entries()) this.inc({ file, reason }, count)
    },
  })
  new Gauge({
    name: 'sidekeep_file_current',
    help: '1 while a file is as the secrets that are held, 0 while it waits for its first ones or cannot be written.',
    labelNames: ['file'],
    registers,
    collect() {
      this.reset()
      for (const [file] of cells.entries())
        this.set({ file }, cells.stateOf(file)?.isCurrent === true ? 1 : 0)
    },
  })
  new Gauge({
    name: 'sidekeep_file_last_write_timestamp_seconds',
    help: 'When a file was last written anew; absent before this process has done so.',
    labelNames: ['file'],
    registers,
    collect() {
      this.reset()
      for (const [file, { lastWrite }] of cells.entries())
        if (lastWrite !== undefined) this.set({ file }, lastWrite / 1_000)
    },
  })
  new Gauge({
    name: 'sidekeep_file_secrets',
    help: 'How many secrets are in a file, as far as this process has written it or found it right.',
    labelNames: ['file'],
    registers,
    collect() {
      this.reset()
      for (const [file] of cells.entries()) this.set({ file }, cells.stateOf(file)?.secrets ?? 0)
    },
  })
  new Counter({
    name: 'sidekeep_file_notifications_total',
    help: 'Attempts to tell somebody that a file has changed, by kind and how they ended; given_up: none follows.',
    labelNames: ['file', 'kind', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [file, { notifications }] of cells.entries())
        for (const [kind, outcomes] of notifications)
          for (const [outcome, count] of outcomes.entries()) this.inc({ file, kind, outcome }, count)
    },
  })
}
