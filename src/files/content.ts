/** What the room's parts hand each other. Values lie in buffers, which whoever made them overwrites after use. */

/** A secret as a format sees it: read, not taken over, and not kept. */
export interface FileSecret {
  readonly name: string
  /** Whether its bytes are valid UTF-8. */
  readonly isText: boolean
  reveal(): Buffer
}

/** What is to lie at a path: one file, or a folder of files by their path below it (`db/password`). */
export type Content =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly kind: 'folder'; readonly files: ReadonlyMap<string, Buffer> }

/** Permissions and owners of what is written, set before anybody can open it. */
export interface Ownership {
  /** As `chmod` takes it: 0o440. */
  readonly mode: number
  readonly owner: number | undefined
  readonly group: number | undefined
}

/** Why secrets cannot be written in a format: words that name secrets and places, and hold no value. */
export class FormatError extends Error {
  /** The secret whose fault it is; undefined where it is all of them together. */
  readonly secret: string | undefined

  constructor(message: string, secret?: string) {
    super(message)
    this.name = 'FormatError'
    this.secret = secret
  }
}

/** Why a file could not be written or removed. What lay there before lies there still. */
export class WriteError extends Error {
  /** For metrics, so few: the disk is full or over quota, permission is missing, or anything else. */
  readonly reason: WriteFailure
  /** What whoever runs the sidecar can do about it. */
  readonly remedy: string

  constructor(reason: WriteFailure, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WriteError'
    this.reason = reason
    this.remedy = remedy
  }
}

export const writeFailures = ['full', 'denied', 'place', 'io'] as const
/** `full`: no room, or over a quota. `denied`: a permission is missing. `place`: the path is not fit (no folder there, a folder in the place of a file, read-only). `io`: anything else. */
export type WriteFailure = (typeof writeFailures)[number]

/** What somebody who is told of a change is told: names, never a value. */
export interface FileChange {
  /** Of the file, as configured. */
  readonly path: string
  /** The names of secrets that were added, changed or removed since the last telling. */
  readonly changed: readonly string[]
}
