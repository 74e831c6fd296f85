export const notifyFailures = [
  'credential',
  'refused',
  'timeout',
  'status',
  'place',
  'gone',
  'denied',
  'io',
] as const
/**
 * For metrics, so few. `credential`: a header cannot be read. `refused`: no connection, or none that holds. `timeout`:
 * no end in time. `status`: an answer or an exit code that is no success. `place`: the file with the process id, or the
 * program, is missing or unfit. `gone`: no such process. `denied`: a permission is missing. `io`: anything else.
 */
export type NotifyFailure = (typeof notifyFailures)[number]

/**
 * Why somebody could not be told that a file has changed. Neither message nor remedy holds a value, the text of a header,
 * more of a URL than its origin, or anything that a server or a program has said.
 */
export class NotifyError extends Error {
  readonly reason: NotifyFailure
  /** What whoever runs the sidecar can do about it. */
  readonly remedy: string

  constructor(reason: NotifyFailure, message: string, remedy: string) {
    super(message)
    this.name = 'NotifyError'
    this.reason = reason
    this.remedy = remedy
  }
}
