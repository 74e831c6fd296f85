import type { Effort, Fingerprint, Fingerprints } from './fingerprints.ts'
import { gramSize } from './grams.ts'
import { percentDecoded, sourceOf, unescaped, type View } from './views.ts'

/** What stands in a text for a value, from byte to byte. */
export interface Match {
  readonly start: number
  readonly end: number
  readonly fingerprint: Fingerprint
}

/** How many bytes are digested for each byte of a text, and how many at least; see `Effort`. */
const effortForByte = 64
const leastEffort = 1024 * 1024

/** How many times escapes are undone: a text in JSON in a string of a line is two. */
const deepest = 3

const lineEnd = 0x0a
const backslash = 0x5c
const percent = 0x25

/** All values in whole lines, in no order. Escapes are undone line by line: most lines have none. */
export function valuesInLines(lines: Uint8Array, fingerprints: Fingerprints): Match[] {
  const search = searchOf(lines, fingerprints)
  scan({ bytes: aligned(lines), origin: undefined }, search, 0)
  let slash = indexOf(lines, backslash, 0)
  let sign = indexOf(lines, percent, 0)
  while (slash < lines.length || sign < lines.length) {
    const first = Math.min(slash, sign)
    const start = lineStart(lines, first)
    const end = indexOf(lines, lineEnd, first)
    lookBehind({ bytes: lines.subarray(start, end + 1), origin: undefined }, search, start, 0)
    if (slash < end) slash = indexOf(lines, backslash, end)
    if (sign < end) sign = indexOf(lines, percent, end)
  }
  return search.matches
}

/** All values in one text, in no order. */
export function valuesIn(text: string, fingerprints: Fingerprints): Match[] {
  // The last gram of the shortest values has one byte of what follows them.
  const view = { bytes: aligned(Buffer.from(`${text}\n`)), origin: undefined }
  const search = searchOf(view.bytes, fingerprints)
  scan(view, search, 0)
  lookBehind(view, search, 0, 0)
  return search.matches
}

/** One look at one text. */
interface Search {
  readonly fingerprints: Fingerprints
  readonly matches: Match[]
  readonly effort: Effort
}

function searchOf({ length }: Uint8Array, fingerprints: Fingerprints): Search {
  return { fingerprints, matches: [], effort: { left: leastEffort + effortForByte * length } }
}

export function lineStart(lines: Uint8Array, at: number): number {
  return at === 0 ? 0 : lines.lastIndexOf(lineEnd, at - 1) + 1
}

/** @param offset of what the view is a view of, in the text that matches are of */
function scan(view: View, { fingerprints, matches, effort }: Search, offset: number): void {
  const { bytes } = view
  const { grams } = fingerprints
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / gramSize))
  for (let at = grams.next(words, 0, words.length); at >= 0; at = grams.next(words, at + 1, words.length)) {
    fingerprints.verify(bytes, words, at, effort, (found) => {
      const { fingerprint } = found
      const start = offset + sourceOf(view, found.start)
      const end = offset + sourceOf(view, found.end)
      const last = matches.at(-1)
      // A value that repeats itself may begin at each byte of a text: that is one match, not thousands.
      if (last?.fingerprint === fingerprint && start <= last.end && end >= last.start) {
        const both = { start: Math.min(start, last.start), end: Math.max(end, last.end), fingerprint }
        matches[matches.length - 1] = both
      } else matches.push({ start, end, fingerprint })
    })
  }
}

/** Looks at what is behind the escapes of a view, which may have further ones. */
function lookBehind(view: View, search: Search, offset: number, depth: number): void {
  if (depth === deepest) return
  for (const undo of [unescaped, percentDecoded]) {
    const inner = undo(view)
    if (inner === undefined) continue
    scan(inner, search, offset)
    lookBehind(inner, search, offset, depth + 1)
    // It may have a value as it is: nobody needs it any longer.
    inner.bytes.fill(0)
  }
}

function indexOf(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

/** Words are read at multiples of four bytes only. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % gramSize === 0 ? bytes : new Uint8Array(bytes)
}
