import { type Fingerprint, Fingerprints } from './fingerprints.ts'
import { type Late, LateWork } from './late-work.ts'
import { membersOf } from './members.ts'
import { lineStart, type Match, valuesIn, valuesInLines } from './search.ts'
import { type Cut, splice } from './splice.ts'

/** How long a value is looked for after it was released, in milliseconds: what still waits to be told may name it. */
const afterlife = 600_000
/** How many released values are looked for at the most: where pattern secrets come and go there is no end to them. */
const mostReleased = 1_000

/** Whoever has values, each under a label of its own. */
export interface Holder {
  /**
   * A label has this value from now on. What it had before is looked for as well, until the next one. The bytes are read
   * a moment later, or when the label has another value or none: until then they must stay as they are.
   */
  hold(label: string, value: Uint8Array): void
  /** A label has no value any more. What it had is looked for 10 min longer, or until a thousand others were released. */
  release(label: string): void
  /** No label has a value any more. What they had is looked for 10 min longer, however many they are. */
  close(): void
}

const lineEnd = 0x0a
const space = 0x20
const plus = 0x2b

/** The fingerprints of a value and of its members. */
type Prints = readonly Fingerprint[]

interface Held {
  readonly current: Prints
  readonly previous: Prints
}

interface Released {
  readonly labels: readonly (readonly [label: string, held: Held])[]
  readonly at: number
}

/** Takes values out of what is written. */
export interface Redactor {
  redact(lines: Buffer): Buffer
  redactText(text: string): string
  /** Resolves when it can look without much ado; undefined where it can at once. Nobody needs to wait for it. */
  caughtUp?(): Promise<void> | undefined
}

/**
 * The values that must not get out, and what takes them out of a text: the second line of defence, where the first is that
 * nothing logs a value. Holds no value, only what it takes to know one again (`Fingerprints`).
 */
export class LiveValues implements Redactor {
  readonly #fingerprints = new Fingerprints()
  readonly #now: () => number
  readonly #late = new LateWork()
  #released: Released[] = []
  /** How many were taken out so far. */
  redactions = 0

  /** @param now on the monotonic clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** How many different values are looked for, members of others among them, and the bytes of the tables for it. */
  get stats(): { readonly values: number; readonly bytes: number } {
    this.#late.finish()
    return { values: this.#fingerprints.size, bytes: this.#fingerprints.grams.byteLength }
  }

  /** For one who has values: their labels are none of anybody else's. */
  holder(): Holder {
    const all = new Map<string, Held>()
    const late = new Map<string, Late>()
    /** What a label has is read before it may be overwritten. */
    const catchUp = (label: string): void => {
      const work = late.get(label)
      if (work !== undefined) this.#late.do(work)
    }
    return {
      hold: (label, value) => {
        catchUp(label)
        const work = (): void => {
          late.delete(label)
          this.#hold(all, label, value)
        }
        late.set(label, work)
        this.#late.add(work)
      },
      release: (label) => {
        catchUp(label)
        const held = all.get(label)
        all.delete(label)
        if (held !== undefined) this.#releaseAll([[label, held]])
      },
      close: () => {
        for (const work of [...late.values()]) this.#late.do(work)
        this.#releaseAll([...all])
        all.clear()
      },
    }
  }

  /** A thousand values take some ten milliseconds to take in: it is done bit by bit, and at once where somebody looks. */
  caughtUp(): Promise<void> | undefined {
    return this.#late.done()
  }

  /**
   * Whole lines without the values that are looked for; the same object where there are none.
   *
   * @param lines each with its line's end
   */
  redact(lines: Buffer): Buffer {
    this.#late.finish()
    this.#forgetOld()
    if (this.#fingerprints.size === 0) return lines
    const matches = valuesInLines(lines, this.#fingerprints)
    if (matches.length === 0) return lines
    const parts: Uint8Array[] = []
    let at = 0
    for (const [start, cuts] of this.#byLine(lines, matches)) {
      const end = lines.indexOf(lineEnd, start)
      const until = end < 0 ? lines.length : end + 1
      parts.push(lines.subarray(at, start), splice(lines.subarray(start, until), cuts))
      at = until
    }
    return Buffer.concat([...parts, lines.subarray(at)])
  }

  /** By where the line begins, and in it. */
  #byLine(lines: Buffer, matches: readonly Match[]): Map<number, Cut[]> {
    const byLine = new Map<number, Cut[]>()
    let [line, until] = [0, 0]
    for (const { start, end, label } of this.#cuts(matches)) {
      // They come in order. To look for the line of each would cost a long line's length as often as it has values.
      if (start >= until) {
        line = lineStart(lines, start)
        const next = lines.indexOf(lineEnd, start)
        until = next < 0 ? lines.length : next + 1
      }
      const cuts = byLine.get(line) ?? []
      byLine.set(line, cuts)
      cuts.push({ start: start - line, end: end - line, label })
    }
    return byLine
  }

  /** As `redact`, for a text that need not be lines: a value may go over several of them. */
  redactText(text: string): string {
    this.#late.finish()
    this.#forgetOld()
    if (this.#fingerprints.size === 0) return text
    const matches = valuesIn(text, this.#fingerprints)
    return matches.length === 0 ? text : splice(Buffer.from(text), this.#cuts(matches)).toString('utf8')
  }

  /** Matches that overlap are one cut: the first names it. */
  #cuts(matches: readonly Match[]): Cut[] {
    const cuts: Cut[] = []
    for (const { start, end, fingerprint } of matches.toSorted(
      (a, b) => a.start - b.start || b.end - a.end,
    )) {
      const last = cuts.at(-1)
      if (last === undefined || start >= last.end) cuts.push({ start, end, label: this.#label(fingerprint) })
      else if (end > last.end) cuts[cuts.length - 1] = { ...last, end }
    }
    this.redactions += cuts.length
    return cuts
  }

  /** A name may be somebody's value, its own even. */
  #label({ labels }: Fingerprint): string {
    const [name = ''] = labels.keys()
    const label = `[redacted ${name}]`
    return valuesIn(label, this.#fingerprints).length > 0 ? '[redacted]' : label
  }

  #hold(all: Map<string, Held>, label: string, value: Uint8Array): void {
    this.#forgetOld()
    const before = all.get(label)
    const current = this.#add(label, value)
    if (before !== undefined && before.current[0] === current[0]) {
      this.#remove(label, current)
      return
    }
    this.#remove(label, before?.previous ?? [])
    all.set(label, { current, previous: before?.current ?? [] })
  }

  #releaseAll(labels: Released['labels']): void {
    if (labels.length > 0) this.#released.push({ labels, at: this.#now() })
    this.#forgetOld()
  }

  #add(label: string, value: Uint8Array): Prints {
    const bytes = trimmed(value)
    const parts = [bytes, ...membersOf(bytes)]
    const prints = [...parts, ...parts.flatMap(inForms)].map((part) => this.#fingerprints.add(part, label))
    return prints.filter((print) => print !== undefined)
  }

  #remove(label: string, prints: Prints): void {
    for (const print of prints) this.#fingerprints.remove(print, label)
  }

  #forgetOld(): void {
    if (this.#released.length === 0) return
    const since = this.#now() - afterlife
    const surplus = this.#released.length - mostReleased
    const kept = this.#released.findIndex(({ at }, index) => index >= surplus && at >= since)
    for (const { labels } of this.#released.splice(0, kept < 0 ? this.#released.length : kept)) {
      for (const [label, { current, previous }] of labels) this.#remove(label, [...current, ...previous])
    }
  }
}

/** In the forms of HTML, which the URL standard calls `application/x-www-form-urlencoded`, a plus stands for a space. */
function inForms(value: Uint8Array): Uint8Array[] {
  return value.includes(space) ? [value.map((byte) => (byte === space ? plus : byte))] : []
}

/** A value in a file often ends with a line's end, which whoever uses it leaves away. */
function trimmed(value: Uint8Array): Uint8Array {
  let [start, end] = [0, value.length]
  while (start < end && isSpace(value[start])) start += 1
  while (end > start && isSpace(value[end - 1])) end -= 1
  return value.subarray(start, end)
}

function isSpace(byte: number | undefined): boolean {
  return byte === space || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
}

/**
 * Those of this process. One, since its standard output and standard error are one too, and what a crash writes passes it
 * as well, where nobody hands anything over.
 */
export const liveValues = new LiveValues()
