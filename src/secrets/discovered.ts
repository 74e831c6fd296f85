import { LRUCache } from 'lru-cache'
import type { Entry } from './entry.ts'
import type { Match } from './rules.ts'
import type { SecretValue } from './secret.ts'

export interface Bounds {
  readonly maxEntries: number
  /** Of values, with what belongs to each. */
  readonly maxBytes: number
}

/** What an entry costs beside its value, in bytes, by measurement of 10,000 of them; keeps tiny secrets from being free. */
const entryOverhead = 1_024

/** Which part of the bytes is filled with what nobody has asked for: what comes may be larger than what is there. */
const bytesShare = 0.9

/** The pattern secrets that are held, within bounds: beyond them the least recently read go. */
export class Discovered {
  readonly #evicted: (entry: Entry) => void
  #maxEntries: number
  #maxBytes: number
  #entries: LRUCache<string, Entry>

  constructor(bounds: Bounds, evicted: (entry: Entry) => void) {
    this.#evicted = evicted
    this.#maxEntries = bounds.maxEntries
    this.#maxBytes = bounds.maxBytes
    this.#entries = this.#container()
  }

  /** Without `max`, for which lru-cache would set a whole table up beforehand: most sidecars have no pattern. */
  #container(): LRUCache<string, Entry> {
    return new LRUCache({
      maxSize: this.#maxBytes,
      sizeCalculation: sizeOf,
      dispose: (entry, _name, reason) => {
        if (reason === 'evict') this.#evicted(entry)
      },
    })
  }

  /** Counts as a use of the secret. */
  get(name: string): Entry | undefined {
    return this.#entries.get(name)
  }

  peek(name: string): Entry | undefined {
    return this.#entries.peek(name)
  }

  /** Whether a value could be held if it were the only one. */
  fits(match: Match, value: Pick<SecretValue, 'byteLength'>): boolean {
    return sizeWith(match, value) <= this.#maxBytes
  }

  /**
   * How many more could be held, as far as can be told before their values are there, if none is to make room.
   *
   * @param expected how many are about to come
   */
  roomFor(expected: number): number {
    return Math.max(0, this.#roomBeside(this.size, this.bytes) - expected)
  }

  /** As `roomFor`, if all that are not required made room. Looks at all that is held. */
  requiredRoom(): number {
    let size = 0
    let bytes = 0
    for (const entry of this.values()) {
      if (!entry.match.rule.required) continue
      size += 1
      bytes += sizeOf(entry)
    }
    return Math.max(0, this.#roomBeside(size, bytes))
  }

  #roomBeside(size: number, bytes: number): number {
    const average = size === 0 ? entryOverhead : bytes / size
    const byBytes = Math.floor((bytesShare * this.#maxBytes - bytes) / average)
    return Math.min(this.#maxEntries - size, byBytes)
  }

  /** Evicts the least recently used of those that are not required. @returns false where there is none */
  giveWay(): boolean {
    for (const entry of this.values()) {
      if (entry.match.rule.required) continue
      this.delete(entry.match.name)
      this.#evicted(entry)
      return true
    }
    return false
  }

  put(entry: Entry): void {
    const { name } = entry.match
    // lru-cache measures an object once: without this, one that grew in place would still count as what it was.
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    while (this.#entries.size > this.#maxEntries) this.#entries.pop()
  }

  delete(name: string): void {
    this.#entries.delete(name)
  }

  /** The least recently used first. */
  *values(): Generator<Entry> {
    for (const entry of this.#entries.rvalues()) if (entry !== undefined) yield entry
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /**
   * Holds these from now on and no others, within other bounds: lru-cache cannot change its own.
   *
   * @param entries in the order of use, the least recently used first
   * @returns those that there is no room for; nobody else is told of them
   */
  replace(bounds: Bounds, entries: readonly Entry[]): Entry[] {
    const kept: Entry[] = []
    const left: Entry[] = []
    let bytes = 0
    for (const entry of entries.toReversed()) {
      const size = sizeOf(entry)
      const fits = kept.length < bounds.maxEntries && bytes + size <= bounds.maxBytes
      if (fits) bytes += size
      const side = fits ? kept : left
      side.push(entry)
    }
    this.#maxEntries = bounds.maxEntries
    this.#maxBytes = bounds.maxBytes
    this.#entries = this.#container()
    for (const entry of kept.reverse()) this.put(entry)
    return left
  }
}

export function sizeOf(entry: Entry): number {
  return entry.held === undefined ? 0 : sizeWith(entry.match, entry.held.secret)
}

function sizeWith({ name }: Match, value: Pick<SecretValue, 'byteLength'>): number {
  return value.byteLength + name.length + entryOverhead
}
