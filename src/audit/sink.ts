/** How much of what was to be appended is there now. */
export interface Appended {
  /** In bytes, from the beginning. What comes after them is not there, or not as a whole. */
  readonly written: number
  /** Why that is not everything. */
  readonly error?: unknown
}

/** Where lines go. One call at a time. */
export interface Sink {
  /** In messages: a path, or `standard output`. */
  readonly name: string
  /** Appends whole lines, in one piece as far as others can see. Never rejects. */
  append(lines: string): Promise<Appended>
  /**
   * Looks whether what is open is still what lies at its place, and opens that where it is not.
   *
   * @param force opens it in any case
   * @returns why that cannot be done; where nothing is lost by it, lines go where they went before
   */
  renew(force: boolean): Promise<unknown>
  /** At an end of the process that nobody prepared: appends what can be appended at once. Never throws. */
  appendLast(lines: string): void
  close(): Promise<void>
}
