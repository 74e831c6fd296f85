/** Records which values are given to files, as `audit/` does accesses. */
export interface FileAudit {
  readonly isOn: boolean
  /** @returns what has to be waited for; rejects where nothing may be given without a record */
  record(access: {
    readonly action: 'file'
    readonly name: string
    readonly caller: undefined
    /** The path of the file: who mounts its volume reads it. */
    readonly listener: string
    readonly status: 200
    readonly code: undefined
    readonly version: string
    readonly state: undefined
  }): Promise<void> | undefined
}

/** A value is not given to a file, since that cannot be recorded. */
export class NotRecorded extends Error {
  constructor(options?: ErrorOptions) {
    super('not recorded', options)
    this.name = 'NotRecorded'
  }
}

/** What is given to a file. */
export interface Given {
  readonly version: string
  /** By which the value is told from all others, of the same version too. */
  readonly origin: object
}

/** What was recorded of one file: a value that is given again is not recorded again. */
export class Recording {
  readonly #audit: FileAudit | undefined
  #recorded: ReadonlyMap<string, Given> = new Map()

  constructor(audit: FileAudit | undefined) {
    this.#audit = audit
  }

  /**
   * Before they are written.
   *
   * @param given by name, all of a file
   * @throws NotRecorded
   */
  async record(path: string, given: ReadonlyMap<string, Given>): Promise<void> {
    const audit = this.#audit
    if (audit?.isOn !== true) return
    const lines: (Promise<void> | undefined)[] = []
    for (const [name, { version, origin }] of given) {
      if (this.#recorded.get(name)?.origin === origin) continue
      const access = { action: 'file', name, caller: undefined, listener: path, status: 200 } as const
      lines.push(audit.record({ ...access, code: undefined, version, state: undefined }))
    }
    // All of them end before any failure is told.
    const settled = await Promise.allSettled(lines)
    const failed = settled.find((line) => line.status === 'rejected')
    if (failed !== undefined) throw new NotRecorded({ cause: failed.reason })
    this.#recorded = given
  }
}
