/**
 * A change whose every step that can fail is done. It either happens, at once and without fail, or it is given up and
 * leaves everything as it was.
 */
export interface Prepared {
  commit(): void
  abandon(): Promise<void>
}
