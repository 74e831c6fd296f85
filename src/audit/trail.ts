import type { AuditConfig } from '../config/schema.ts'
import type { Clock } from '../secrets/clock.ts'
import { AuditFile, type Write } from './file.ts'
import type { AccessRecord } from './line.ts'
import { lineOf, typed } from './line.ts'
import type { LogOutput } from './output.ts'
import { AuditOutput } from './output.ts'
import { Writer } from './writer.ts'
import type { WriterObserver } from './writer-options.ts'

export interface TrailOptions {
  readonly clock: Clock
  readonly observer: WriterObserver & {
    /** An attempt of nobody in particular is not recorded, as there are too many. */
    withheld(): void
  }
  /** Where lines go that are to be among those of the log. */
  readonly output: LogOutput
  /** Takes values out of what was asked for: somebody may have sent one in place of a name. */
  readonly redact?: (name: string) => string
  /** Instead of the system's own. */
  readonly write?: Write
}

/** A change of the audit that is ready to happen. */
export interface PreparedTrail {
  commit(): void
  abandon(): Promise<void>
}

/** Where accesses are recorded, as the configuration says now: in a file, in the log, nowhere. */
export class AuditTrail {
  readonly #options: TrailOptions
  #writer: Writer | undefined
  /** Where it writes to; undefined: to the log, or nowhere. */
  #file: string | undefined
  /** Writers that were replaced and still have something to write. */
  readonly #leaving = new Set<Promise<unknown>>()
  #lastTime = { at: Number.NaN, text: '' }

  constructor(options: TrailOptions) {
    this.#options = options
  }

  /** Whether anything is recorded. A changed configuration may turn it on and off. */
  get isOn(): boolean {
    return this.#writer !== undefined
  }

  /** Whether lines cannot be written now. */
  get isFailing(): boolean {
    return this.#writer?.isFailing === true
  }

  /** False while lines cannot be written and nobody is answered for it. */
  get letsAnswer(): boolean {
    return this.#writer === undefined || !(this.#writer.refuses && this.#writer.isFailing)
  }

  /** @returns where the answer has to wait for its line, what resolves when that is written, and rejects where it is not */
  record(access: AccessRecord): Promise<void> | undefined {
    const { redact } = this.#options
    const writer = this.#writer
    if (writer === undefined) return undefined
    const { name, version } = access
    // What has a version is the name of a secret. It is looked at whole: what is cut would not be known again.
    const isOpen = name !== null && version === undefined && redact !== undefined
    return writer.record(lineOf(isOpen ? { ...access, name: redact(name) } : access, this.#time()))
  }

  /** Counts an attempt that is not recorded. */
  withhold(): void {
    this.#options.observer.withheld()
  }

  /** The file may have been rotated: opens what lies at its path now. */
  reopen(): void {
    this.#writer?.renew('force')
  }

  /**
   * Makes ready what another configuration wants, beside what is in force.
   *
   * @throws SIDEKEEP_AUDIT_UNWRITABLE
   */
  async prepare(config: AuditConfig | undefined): Promise<PreparedTrail> {
    const kept = this.#writer
    if (config !== undefined && kept !== undefined && config.file === this.#file) {
      return { commit: () => kept.change(config.onFailure), abandon: async () => {} }
    }
    const next = await this.#writerFor(config)
    return {
      commit: () => {
        const former = this.#writer
        this.#writer = next
        this.#file = config?.file
        if (former !== undefined) this.#leave(former)
      },
      abandon: async () => {
        await next?.close()
      },
    }
  }

  /** Writes what waits, and records nothing from now on. */
  async close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await Promise.all([writer?.close(), ...this.#leaving])
  }

  async #writerFor(config: AuditConfig | undefined): Promise<Writer | undefined> {
    if (config === undefined) return undefined
    const { clock, observer, output, write } = this.#options
    const { file, onFailure } = config
    const common = { onFailure, clock, observer }
    if (file === undefined) {
      return new Writer({ ...common, sink: new AuditOutput(output), dress: typed })
    }
    return new Writer({ ...common, sink: await AuditFile.open(file, write), dress: (line) => line })
  }

  #leave(writer: Writer): void {
    const left = writer
      .close()
      // What could not be written there any more is missing in the record as a whole.
      .then((untold) => {
        if (untold > 0) this.#writer?.owe(untold)
      })
      .finally(() => {
        this.#leaving.delete(left)
      })
    this.#leaving.add(left)
  }

  #time(): string {
    const at = this.#options.clock.wall()
    if (this.#lastTime.at !== at) this.#lastTime = { at, text: new Date(at).toISOString() }
    return this.#lastTime.text
  }
}
