import { hash, randomBytes } from 'node:crypto'
import { type Form, forms, type Sample, shortest } from './forms.ts'
import { Grams, gramAt, gramSize, type Neighbour, neighbourIs, windowSize } from './grams.ts'

/** What is known of a value that is looked for: not the value. */
export interface Fingerprint {
  readonly length: number
  /** A keyed digest of the whole. */
  readonly digest: string
  /** A keyed hash of the bytes at its two ends: values that share their middles are told apart by it, at little cost. */
  readonly ends: number
  /** What it stands for, and for how many holders each; several secrets may have the same value. */
  readonly labels: Map<string, number>
  readonly index: number
  readonly entries: readonly number[]
}

/** A value that was found. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly fingerprint: Fingerprint
}

/**
 * How many bytes more may be digested for one look. Only a text made for it has so many that look like long values; what
 * looks like one there (grams, length, both ends) is taken for one without the digest, which is the safe side.
 */
export interface Effort {
  left: number
}

/** How much of a value the grams are picked from, in bytes; a multiple of 3, as base64 wants it. */
const sampled = 510
/** Where that part lies, from the beginning (0) to the end (1) of a long value: the next one where others have the same. */
const parts = [1 / 2, 3 / 4, 1 / 4, 1, 0]
/** Among how many places of a form its grams are picked. */
const tries = 8
/** From so many values on, one gram more is as good as any other. */
const crowded = 16
/** How many bytes of each end of a value have a hash of their own. */
const endSize = 4
/** Of that hash, in bits: too few to tell what the bytes were. */
const endBits = 20
const digestKeySize = 32

/**
 * The values that are looked for, by what is left of them when they are gone: grams of each form, from the middle of it
 * (beginnings are often alike), a length, a digest under a key of this process.
 */
export class Fingerprints {
  readonly #grams = new Grams()
  readonly #key = randomBytes(digestKeySize)
  readonly #endKey = randomBytes(4).readInt32LE() | 1
  readonly #all: (Fingerprint | undefined)[] = []
  readonly #free: number[] = []
  readonly #byDigest = new Map<string, Fingerprint>()

  get grams(): Pick<Grams, 'next' | 'size' | 'byteLength'> {
    return this.#grams
  }

  /** How many different values are looked for. */
  get size(): number {
    return this.#byDigest.size
  }

  /** @returns undefined where the value is too short to be looked for */
  add(value: Uint8Array, label: string): Fingerprint | undefined {
    if (value.length < shortest) return undefined
    const digest = this.#digest(value)
    const fingerprint = this.#byDigest.get(digest) ?? this.#make(value, digest)
    fingerprint.labels.set(label, (fingerprint.labels.get(label) ?? 0) + 1)
    return fingerprint
  }

  remove({ labels, entries, digest, index }: Fingerprint, label: string): void {
    const left = (labels.get(label) ?? 1) - 1
    if (left > 0) labels.set(label, left)
    else labels.delete(label)
    if (labels.size > 0) return
    for (const entry of entries) this.#grams.remove(entry)
    this.#byDigest.delete(digest)
    this.#all[index] = undefined
    this.#free.push(index)
  }

  /**
   * Calls `found` with each value that the gram at a place is a part of.
   *
   * @param words the same memory as `bytes`
   * @param at as `grams.next` gave it
   */
  verify(
    bytes: Uint8Array,
    words: Uint32Array,
    at: number,
    effort: Effort,
    found: (value: Found) => void,
  ): void {
    const grams = this.#grams
    for (let entry = grams.first(words, at); entry >= 0; entry = grams.after(entry, words, at)) {
      const fingerprint = this.#all[grams.ownerOf(entry)]
      const place = grams.placeOf(entry)
      const form = forms[place % forms.length]
      if (fingerprint === undefined || form === undefined) continue
      const start = at * gramSize - Math.floor(place / forms.length)
      const end = start + form.size(fingerprint.length)
      if (start < 0 || end > bytes.length) continue
      if (this.#ends(form, bytes, start, fingerprint.length) !== fingerprint.ends) continue
      effort.left -= end - start
      if (effort.left < 0 || this.#is(fingerprint, form, bytes.subarray(start, end))) {
        found({ start, end, fingerprint })
      }
    }
  }

  #is({ length, digest }: Fingerprint, form: Form, text: Uint8Array): boolean {
    const value = form.decode(text, length)
    return value !== undefined && this.#digest(value) === digest
  }

  #make(value: Uint8Array, digest: string): Fingerprint {
    const index = this.#free.pop() ?? this.#all.length
    const from = this.#partOf(value)
    const part = value.subarray(from, from + sampled)
    const entries: number[] = []
    for (const [kind, form] of forms.entries()) this.#register(form.sample(part, from), kind, index, entries)
    const ends = forms[0] === undefined ? 0 : this.#ends(forms[0], value, 0, value.length)
    const fingerprint = { length: value.length, digest, ends, labels: new Map(), index, entries }
    this.#all[index] = fingerprint
    this.#byDigest.set(digest, fingerprint)
    return fingerprint
  }

  /** Where the part begins that grams are picked from: documents of one kind are alike for long stretches. */
  #partOf(value: Uint8Array): number {
    const rest = value.length - sampled
    if (rest <= 0) return 0
    const starts = parts.map((part) => 3 * Math.floor((part * rest) / 3))
    const isFree = (from: number): boolean =>
      this.#pick(value.subarray(from, from + sampled), undefined).load < crowded
    return starts.find(isFree) ?? starts[0] ?? 0
  }

  /** One gram of each of four places in a row: whatever a form begins at, one of them is looked at. */
  #register({ text, distance, variant }: Sample, form: number, owner: number, entries: number[]): void {
    const { at: start } = this.#pick(text, variant)
    for (let at = start; at < start + gramSize; at += 1) {
      const place = (distance + at) * forms.length + form
      const [gram, neighbour] = [gramAt(text, at), neighbourOf(text, at)]
      const add = (one: number): void => {
        entries.push(this.#grams.add(one, neighbour, owner, place))
      }
      // Only of a value as it is, which has no other alphabet, and no neighbour there.
      if (at + gramSize > text.length) gramsBeyond(text, at).forEach(add)
      else add(gram)
      if (variant === undefined) continue
      const [other, beside] = [gramAt(variant, at), neighbourOf(variant, at)]
      if (other === gram && beside?.gram === neighbour?.gram) continue
      entries.push(this.#grams.add(other, beside, owner, place))
    }
  }

  /** Where the grams are those of the fewest other values, and the same in both alphabets. */
  #pick(text: Uint8Array, variant: Uint8Array | undefined): { readonly at: number; readonly load: number } {
    const last = Math.max(0, text.length - windowSize)
    let best = { at: last >> 1, load: Number.POSITIVE_INFINITY }
    for (let count = 0; count < tries && best.load > 0; count += 1) {
      const at = ((last >> 1) + Math.round((count * last) / tries)) % (last + 1)
      let load = 0
      for (let gram = at; gram < at + gramSize; gram += 1) {
        load += this.#grams.load(gramAt(text, gram), crowded)
        if (variant !== undefined && gramAt(text, gram) !== gramAt(variant, gram)) load += 1
      }
      if (load < best.load) best = { at, load }
    }
    return best
  }

  /** Of the value that a text from `start` on would stand for; -1 where it stands for none. */
  #ends(form: Form, text: Uint8Array, start: number, length: number): number {
    let kept = this.#endKey
    for (let count = 0; count < 2 * endSize; count += 1) {
      const index = count < endSize ? count : length - 2 * endSize + count
      const byte = form.byteAt(text, start, index)
      if (byte < 0) return -1
      kept = Math.imul(kept ^ byte, this.#endKey)
      kept ^= kept >>> 15
    }
    return kept >>> (32 - endBits)
  }

  /**
   * The key before the value is as good as HMAC (RFC 2104) here, where nobody is ever shown a digest who could lengthen
   * what it is of, and costs a third.
   */
  #digest(value: Uint8Array): string {
    const keyed = Buffer.concat([this.#key, value])
    const digest = hash('sha256', keyed, 'base64')
    keyed.fill(0)
    return digest
  }
}

function neighbourOf(text: Uint8Array, at: number): Neighbour | undefined {
  if (at + 2 * gramSize <= text.length) return { gram: gramAt(text, at + gramSize), is: neighbourIs.after }
  return at < gramSize ? undefined : { gram: gramAt(text, at - gramSize), is: neighbourIs.before }
}

/** A text that is one byte short of a window: whatever follows it, a line's end at least, is part of its last gram. */
function gramsBeyond(text: Uint8Array, at: number): Set<number> {
  const bytes = new Uint8Array(gramSize)
  bytes.set(text.subarray(at))
  const grams = new Set<number>()
  for (let byte = 0; byte < 256; byte += 1) {
    bytes[gramSize - 1] = byte
    grams.add(gramAt(bytes, 0))
  }
  return grams
}
