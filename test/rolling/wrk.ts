/** wrk, which counts what its clients did not get. */
import { inTime } from '../support/e2e-eventually.ts'
import { Program } from './program.ts'

export interface Load {
  readonly requests: number
  /** Failed connects, reads, writes and answers that did not come in time. */
  readonly socketErrors: number
  readonly otherStatuses: number
  /** As wrk printed it. */
  readonly report: string
}

/** Seconds: it is told to end before. */
const longest = 120

export class Wrk {
  readonly #program: Program

  /** @param headers for each request, such as `Connection: close` */
  constructor(file: string, url: string, headers: readonly string[]) {
    const given = headers.flatMap((header) => ['-H', header])
    this.#program = new Program(file, ['-t', '1', '-c', '32', '-d', `${longest}s`, ...given, url])
  }

  /** Ends it, as Ctrl-C does, and reads its report. */
  async stop(): Promise<Load> {
    this.#program.signal('SIGINT')
    await inTime('the end of wrk', this.#program.exited)
    const report = this.#program.output
    const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0)
    const errors = /Socket errors: (.*)/.exec(report)?.[1]?.match(/\d+/g) ?? []
    return {
      requests: number(/(\d+) requests in/),
      socketErrors: errors.reduce((sum, count) => sum + Number(count), 0),
      otherStatuses: number(/Non-2xx or 3xx responses: (\d+)/),
      report,
    }
  }

  async kill(): Promise<void> {
    await this.#program.kill()
  }
}
