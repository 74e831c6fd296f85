import type { Test } from 'tap'
import type { Appended, Sink } from '../../../src/audit/sink.ts'
import { breath, Writer } from '../../../src/audit/writer.ts'
import type { WriterOptions } from '../../../src/audit/writer-options.ts'
import { Gate } from '../../support/gate.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'

/** A sink in memory that fails, hangs and moves as it is told. */
export class MemorySink implements Sink {
  readonly name = 'memory'
  text = ''
  /** One entry a write. */
  readonly chunks: string[] = []
  readonly renewals: boolean[] = []
  /** While set, so many further bytes are taken. */
  room = Number.POSITIVE_INFINITY
  renewFailure: Error | undefined
  isClosed = false
  readonly #gate = new Gate()

  hold(): () => void {
    return this.#gate.hold()
  }

  async append(lines: string): Promise<Appended> {
    await this.#gate.pass()
    const taken = lines.slice(0, this.room)
    this.room -= taken.length
    this.text += taken
    this.chunks.push(taken)
    return taken.length === lines.length
      ? { written: taken.length }
      : { written: taken.length, error: new Error('full') }
  }

  async renew(force: boolean): Promise<unknown> {
    this.renewals.push(force)
    await this.#gate.pass()
    return this.renewFailure
  }

  appendLast(lines: string): void {
    this.text += lines
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

/** A writer over such a sink, with what becomes of the lines. It is closed when the test ends. */
export function startWriter(t: Test, options: Partial<WriterOptions> = {}) {
  const clock = new VirtualClock()
  const sink = new MemorySink()
  const counts = { written: 0, lost: 0 }
  const told: string[] = []
  const writer = new Writer({
    sink,
    clock,
    onFailure: 'serve',
    dress: (line) => line,
    observer: {
      written: (lines) => {
        counts.written += lines
      },
      lost: (lines) => {
        counts.lost += lines
      },
      failed: (_where, error) => told.push(`failed: ${error instanceof Error ? error.message : ''}`),
      recovered: () => told.push('recovered'),
      stuckBehind: () => told.push('stuck behind'),
    },
    ...options,
  })
  t.teardown(() => writer.close())
  /** Until what waits is written, or has failed once more. */
  const written = async (): Promise<void> => {
    await settle()
    await clock.advance(breath)
    await settle()
  }
  return { clock, sink, counts, told, writer, written }
}
