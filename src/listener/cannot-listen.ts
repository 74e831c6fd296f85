/** Why a listener cannot be opened, in words, where the system's own code would not say enough. */
export class CannotListen extends Error {
  readonly what: string
  /** What to do, as a sentence. */
  readonly remedy: string

  constructor(what: string, remedy: string, cause?: unknown) {
    super(what, { cause })
    this.name = 'CannotListen'
    this.what = what
    this.remedy = remedy
  }
}

/** The system's code of an error: `EACCES`, say. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
