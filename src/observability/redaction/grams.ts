import { randomBytes } from 'node:crypto'
import { endianness } from 'node:os'

/** How many bytes a gram has: as many as one load from a `Uint32Array` brings. */
export const gramSize = 4
/** How many bytes it takes to be sure that a whole gram lies at one of the places that are looked at, each fourth byte. */
export const windowSize = 2 * gramSize - 1

/** Sets the bit that tells `A` from `a`, and so makes hexadecimal digits of either case the same four bytes. */
const caseless = 0x20202020
/** Of a hash that is kept, in bits: less than the gram has, and still enough to tell most from one another. */
const keptBits = 26
const fewest = 256
/** Of the hash of a neighbour that is kept, in bits. */
const neighbourBits = 16
/**
 * How many bits of the bitmap a bucket has, as a power of two: of so many bits one is set at the most, on average. With
 * more, fewer words would look suspicious, but the bitmap of a thousand secrets would fall out of the processor's caches
 * between two turns: 128 KiB were measured to cost a quarter less than 512.
 */
const bucketBits = 5
const mostBuckets = 2 ** (keptBits - bucketBits)

export const neighbourIs = { before: 1, after: 2 } as const

export interface Neighbour {
  readonly gram: number
  readonly is: (typeof neighbourIs)[keyof typeof neighbourIs]
}

/**
 * Which four bytes are suspicious, and what is said of each: a hash table whose buckets each have a word of a bitmap, so
 * that a look that finds nothing, which is nearly every look, is a multiplication and a load. What is kept of a gram is a
 * part of its hash, under a key of this process.
 */
export class Grams {
  readonly #key = randomBytes(gramSize).readInt32LE() | 1
  #count = 0
  /** By entry: a part of the hash, who added it, what was said of the place. */
  #hashes = new Uint32Array(fewest)
  #owners = new Uint32Array(fewest)
  #places = new Uint32Array(fewest)
  /** A part of the hash of the gram before or after it, and which of the two it is. */
  #neighbours = new Uint32Array(fewest)
  /** The next entry of the bucket, plus one. */
  #next = new Uint32Array(fewest)
  #free: number[] = []
  /** By bucket: the first entry, plus one. */
  #heads = new Uint32Array(fewest)
  /** A bit for each of the slots that a bucket is divided into. */
  #bitmap = bitmapOf(fewest)
  /** How many upper bits of a hash name the slot; all of them but the last few name the bucket. */
  #bits = slotBits(fewest)

  get size(): number {
    return this.#count
  }

  /** Of the tables. */
  get byteLength(): number {
    return 4 * (5 * this.#hashes.length + this.#heads.length + this.#bitmap.length)
  }

  /**
   * @param neighbour the gram before or after it, where there is one: four bytes are often the same by chance, eight are not
   * @returns the entry, by which it is removed
   */
  add(gram: number, neighbour: Neighbour | undefined, owner: number, place: number): number {
    if (this.#count === this.#hashes.length) this.#grow()
    const entry = this.#free.pop() ?? this.#count
    this.#count += 1
    this.#hashes[entry] = this.#kept(gram)
    this.#owners[entry] = owner
    this.#places[entry] = place
    this.#neighbours[entry] = neighbour === undefined ? 0 : this.#neighbour(neighbour.gram, neighbour.is)
    this.#link(entry)
    return entry
  }

  remove(entry: number): void {
    const slot = this.#slotOf(entry)
    const bucket = slot >>> bucketBits
    let before = 0
    let isShared = false
    for (let at = this.#heads[bucket] ?? 0; at !== 0; at = this.#next[at - 1] ?? 0) {
      if (at - 1 !== entry) {
        if (this.#slotOf(at - 1) === slot) isShared = true
        before = at
      } else if (before === 0) this.#heads[bucket] = this.#next[entry] ?? 0
      else this.#next[before - 1] = this.#next[entry] ?? 0
    }
    if (!isShared) this.#bitmap[slot >>> 5] = (this.#bitmap[slot >>> 5] ?? 0) & ~(1 << slot)
    this.#hashes[entry] = 0
    this.#neighbours[entry] = 0
    this.#free.push(entry)
    this.#count -= 1
  }

  /** The first of `words` from `from` on, and before `until`, that is a gram, by all that is kept of one; -1: none is. */
  next(words: Uint32Array, from: number, until: number): number {
    const shift = 32 - this.#bits
    let at = from
    do at = suspicious(words, at, until, { key: this.#key, shift, bitmap: this.#bitmap })
    while (at >= 0 && this.first(words, at) < 0 && ++at < until)
    return at < until ? at : -1
  }

  /** The first entry of the gram at a place, or -1. */
  first(words: Uint32Array, at: number): number {
    const kept = this.#kept(words[at] ?? 0)
    return this.#find(kept, this.#heads[kept >>> (keptBits - this.#bits + bucketBits)] ?? 0, words, at)
  }

  /** The next entry of the same gram, or -1. */
  after(entry: number, words: Uint32Array, at: number): number {
    return this.#find(this.#hashes[entry] ?? 0, this.#next[entry] ?? 0, words, at)
  }

  /** How many entries a gram has, counted to `most`. */
  load(gram: number, most: number): number {
    const kept = this.#kept(gram)
    let load = 0
    let entry = this.#heads[kept >>> (keptBits - this.#bits + bucketBits)] ?? 0
    for (; entry !== 0 && load < most; entry = this.#next[entry - 1] ?? 0) {
      if (this.#hashes[entry - 1] === kept) load += 1
    }
    return load
  }

  ownerOf(entry: number): number {
    return this.#owners[entry] ?? 0
  }

  placeOf(entry: number): number {
    return this.#places[entry] ?? 0
  }

  #find(kept: number, from: number, words: Uint32Array, at: number): number {
    for (let entry = from; entry !== 0; entry = this.#next[entry - 1] ?? 0) {
      if (this.#hashes[entry - 1] === kept && this.#fits(entry - 1, words, at)) return entry - 1
    }
    return -1
  }

  #fits(entry: number, words: Uint32Array, at: number): boolean {
    const wanted = this.#neighbours[entry] ?? 0
    const is = wanted >>> neighbourBits
    if (is === 0) return true
    const word = words[is === neighbourIs.after ? at + 1 : at - 1]
    return word !== undefined && this.#neighbour(word, is) === wanted
  }

  #neighbour(gram: number, is: number): number {
    return (
      (is << neighbourBits) | (Math.imul((gram | caseless) ^ this.#key, this.#key) >>> (32 - neighbourBits))
    )
  }

  /** Multiplicative hashing: its upper bits depend on all of the gram. */
  #kept(gram: number): number {
    return Math.imul(gram | caseless, this.#key) >>> (32 - keptBits)
  }

  #slotOf(entry: number): number {
    return (this.#hashes[entry] ?? 0) >>> (keptBits - this.#bits)
  }

  #link(entry: number): void {
    const slot = this.#slotOf(entry)
    const bucket = slot >>> bucketBits
    this.#next[entry] = this.#heads[bucket] ?? 0
    this.#heads[bucket] = entry + 1
    this.#bitmap[slot >>> 5] = (this.#bitmap[slot >>> 5] ?? 0) | (1 << slot)
  }

  /** There are as many buckets as there may be entries. */
  #grow(): void {
    const size = this.#hashes.length * 2
    this.#hashes = grown(this.#hashes, size)
    this.#owners = grown(this.#owners, size)
    this.#places = grown(this.#places, size)
    this.#neighbours = grown(this.#neighbours, size)
    this.#next = new Uint32Array(size)
    const buckets = Math.min(size, mostBuckets)
    this.#heads = new Uint32Array(buckets)
    this.#bitmap = bitmapOf(buckets)
    this.#bits = slotBits(buckets)
    for (let entry = 0; entry < this.#count; entry += 1) this.#link(entry)
  }
}

/** The one loop that every byte of the log goes through: apart, since V8 makes less of it where it calls something. */
function suspicious(
  words: Uint32Array,
  from: number,
  until: number,
  { key, shift, bitmap }: { key: number; shift: number; bitmap: Uint32Array },
): number {
  for (let at = from; at < until; at += 1) {
    const slot = Math.imul((words[at] ?? 0) | caseless, key) >>> shift
    if (((bitmap[slot >>> 5] ?? 0) & (1 << slot)) !== 0) return at
  }
  return -1
}

function slotBits(buckets: number): number {
  return Math.log2(buckets) + bucketBits
}

function bitmapOf(buckets: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(buckets * 2 ** (bucketBits - 5))
}

function grown(table: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size)
  larger.set(table)
  return larger
}

const isLittleEndian = endianness() === 'LE'

/** Four bytes as one load from a `Uint32Array` brings them on this machine, in no case; zeroes beyond the end. */
export function gramAt(bytes: Uint8Array, at: number): number {
  const [a, b] = [bytes[at] ?? 0, bytes[at + 1] ?? 0]
  const [c, d] = [bytes[at + 2] ?? 0, bytes[at + 3] ?? 0]
  const gram = isLittleEndian ? a | (b << 8) | (c << 16) | (d << 24) : (a << 24) | (b << 16) | (c << 8) | d
  return gram | caseless
}
