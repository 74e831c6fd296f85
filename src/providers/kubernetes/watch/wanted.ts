import type { Clock } from '../../../secrets/provider.ts'
import type { SecretKey } from '../key.ts'
import { absent } from '../metadata.ts'

/** So long after its last fetch, in milliseconds, it is found out whether anybody wants a Secret still. */
const idle = 60 * 60_000
/** What is fetched because of that is fetched within this time, in milliseconds: backoff and open breakers included. */
const grace = 15 * 60_000
/** A Secret that was not there, in milliseconds: who waits for one asks more often than this. */
const idleIfAbsent = 10 * 60_000
/** Keys of one Secret; callers choose names, and further ones are refreshed by `refresh` alone. */
const maxKeys = 1000

/** A Secret whose changes are to be reported. It holds no value, only which state of it was fetched last. */
export interface WantedSecret {
  readonly name: string
  /** Ends its watch. */
  readonly ended: AbortController
}

interface Held extends WantedSecret {
  /** The state that the watch last told of. */
  seen: string | undefined
  /** By key, the stamp of the Secret when the key was last fetched; undefined while that is under way. */
  readonly keys: Map<string, string | undefined>
  /** On the monotonic clock. */
  fetchedAt: number
  /** When it was reported without a change, to see whether it is fetched again. */
  probedAt: number | undefined
  isAbsent: boolean
}

export interface WantedOptions {
  readonly clock: Clock
  /** How many Secrets at the most. */
  readonly max: number
  /** There is no room for another one. */
  readonly crowded: () => void
}

/**
 * Which Secrets were fetched lately, and are wanted therefore. Nobody tells a provider which keys are wanted no more: one
 * that was not fetched for long is reported as changed, and forgotten where that leads to no fetch.
 */
export class Wanted {
  readonly #options: WantedOptions
  readonly #secrets = new Map<string, Held>()
  #isTold = false

  constructor(options: WantedOptions) {
    this.#options = options
  }

  /** A fetch of keys of a Secret begins: a change from now on concerns them. */
  asked(name: string, keys: readonly SecretKey[]): void {
    const held = this.#secrets.get(name)
    if (held === undefined) return
    for (const { key } of keys) keep(held.keys, key, held.keys.get(key))
  }

  /**
   * @returns the Secret, where it is wanted for the first time; and those of the keys that the watch could not report, as
   * it did not know of them when it told of another state
   */
  fetched(
    name: string,
    keys: readonly SecretKey[],
    stamp: string,
  ): { isNew: WantedSecret | undefined; outdated: readonly string[] } {
    const known = this.#secrets.get(name)
    const held = known ?? this.#admit(name, stamp === absent)
    if (held === undefined) return { isNew: undefined, outdated: [] }
    const unknown = keys.map(({ key }) => key).filter((key) => !held.keys.has(key))
    for (const { key } of keys) keep(held.keys, key, stamp)
    held.fetchedAt = this.#options.clock.now()
    held.probedAt = undefined
    held.isAbsent = stamp === absent
    const outdated = held.seen === undefined || held.seen === stamp ? [] : unknown
    return { isNew: known === undefined ? held : undefined, outdated }
  }

  /** The watch tells of a state. @returns the keys that were last fetched in another one */
  observed(name: string, stamp: string): string[] {
    const held = this.#secrets.get(name)
    if (held === undefined) return []
    held.seen = stamp
    return [...held.keys].filter(([, fetched]) => fetched !== stamp).map(([key]) => key)
  }

  all(): WantedSecret[] {
    return [...this.#secrets.values()]
  }

  /** Ends what nobody wants any more. @returns the keys to be reported, to see whether they are wanted */
  sweep(): string[] {
    const now = this.#options.clock.now()
    const probes: string[] = []
    for (const held of this.#secrets.values()) {
      const { name, keys, fetchedAt, probedAt, isAbsent, ended } = held
      const isOver = isAbsent
        ? now - fetchedAt >= idleIfAbsent
        : probedAt !== undefined && now - probedAt >= grace
      if (isOver) {
        this.#secrets.delete(name)
        ended.abort()
      } else if (!isAbsent && probedAt === undefined && now - fetchedAt >= idle) {
        held.probedAt = now
        probes.push(...keys.keys())
      }
    }
    return probes
  }

  #admit(name: string, isAbsent: boolean): Held | undefined {
    const { clock, max, crowded } = this.#options
    if (this.#secrets.size >= max) {
      if (!this.#isTold) crowded()
      this.#isTold = true
      return undefined
    }
    // Callers may ask for names that nobody has: those must not take the room of what is there.
    if (isAbsent && this.#absent() * 2 >= max) return undefined
    const held: Held = {
      name,
      ended: new AbortController(),
      seen: undefined,
      keys: new Map(),
      fetchedAt: clock.now(),
      probedAt: undefined,
      isAbsent,
    }
    this.#secrets.set(name, held)
    return held
  }

  #absent(): number {
    return [...this.#secrets.values()].filter(({ isAbsent }) => isAbsent).length
  }
}

/** Sets an entry as the newest; of too many the oldest goes. */
function keep(keys: Map<string, string | undefined>, key: string, stamp: string | undefined): void {
  keys.delete(key)
  keys.set(key, stamp)
  const [oldest] = keys.keys()
  if (keys.size > maxKeys && oldest !== undefined) keys.delete(oldest)
}
