/**
 * What a backend sent cannot be read. The message is fixed words about the form of the answer and never quotes it: the
 * errors of parsers do quote their input, so none of them is kept as a cause either.
 */
export class Malformed extends Error {
  /** `oversized` is a well-formed answer that exceeds a limit of ours. */
  readonly reason: 'malformed' | 'oversized'

  constructor(message: string, reason: 'malformed' | 'oversized' = 'malformed') {
    super(message)
    this.name = 'Malformed'
    this.reason = reason
  }
}
