import type { Appended, Sink } from './sink.ts'

/** Where the log goes: takes whole lines, and tells when they were read on, or that they were not. */
export interface LogOutput {
  write(lines: string, settled: (isWritten: boolean) => void): void
}

/** The log's own output: lines of the audit go among its own. */
export class AuditOutput implements Sink {
  readonly name = 'standard output'
  readonly #output: LogOutput

  constructor(output: LogOutput) {
    this.#output = output
  }

  async append(lines: string): Promise<Appended> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#output.write(lines, resolve)
    if (await promise) return { written: Buffer.byteLength(lines) }
    return { written: 0, error: new Error('standard output does not take what is written to it') }
  }

  async renew(): Promise<undefined> {}

  appendLast(lines: string): void {
    this.#output.write(lines, () => {})
  }

  async close(): Promise<void> {}
}
