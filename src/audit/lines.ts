import { CodedError } from '../errors.ts'

/** Between two attempts while lines cannot be written, in milliseconds; who was refused may come back as soon. */
export const retryInterval = 1_000

/** A line that waits to be written. */
export interface Line {
  readonly text: string
  readonly bytes: number
  /** Where somebody waits for it. */
  readonly settled: PromiseWithResolvers<void> | undefined
}

export function textOf(lines: readonly Line[]): string {
  return lines.map(({ text }) => text).join('')
}

/** Tells whoever waits for one of them that it will not be written. */
export function refuse(lines: readonly Line[]): void {
  for (const { settled } of lines) settled?.reject(notRecorded())
}

/** Nobody has to wait for them any more. */
export function letGo(lines: readonly Line[]): void {
  for (const { settled } of lines) settled?.resolve()
}

export function notRecorded(): CodedError {
  return new CodedError('SIDEKEEP_AUDIT_FAILED', [], { retryAfterMs: retryInterval })
}

/** How many lines are there when so many bytes are. One that lacks nothing but its end gets that with the next. */
export function countWithin(lines: readonly Line[], written: number): number {
  let end = 0
  let count = 0
  for (const { bytes } of lines) {
    end += bytes
    if (end - 1 > written) break
    count += 1
  }
  return count
}
