import type { Caller } from '../access/caller.ts'
import type { ErrorCode } from '../errors.ts'
import { CodedError } from '../errors.ts'
import type { ApiConfig } from './ports.ts'

/** What part of a listener's connections those may hold together who keep theirs for long. */
const share = 3 / 4
/** When a refused caller may come again, in milliseconds. */
const retryAfterMs = 1_000

/** Those who wait for a change, and event streams. */
export type Kind = 'waiter' | 'stream'

const kinds: Readonly<
  Record<Kind, { readonly code: ErrorCode; readonly option: 'maxWaiters' | 'maxEventStreams' }>
> = {
  waiter: { code: 'SIDEKEEP_TOO_MANY_WAITERS', option: 'maxWaiters' },
  stream: { code: 'SIDEKEEP_TOO_MANY_EVENT_STREAMS', option: 'maxEventStreams' },
}

/** A connection that is kept. */
interface Kept {
  readonly kind: Kind
  readonly holder: Holder
  readonly letGo: () => void
}

/** A caller with what it keeps, the oldest first. */
interface Holder {
  readonly name: string
  readonly waiter: Set<Kept>
  readonly stream: Set<Kept>
}

/** Why no more may be kept: of one kind, or of both together. */
interface Full {
  readonly of: Kind | 'both'
  readonly error: CodedError
}

/**
 * The connections of a listener that callers keep for long: those who wait for a change, and event streams. Whatever
 * their own bounds say, a part of the connections is left to those who only read, or whoever waits would lock them out.
 * No caller locks out another either: where all places are taken, whoever has the most gives one to a caller that has
 * fewer.
 */
export class KeptConnections {
  readonly #config: Pick<ApiConfig, 'maxConnections' | 'maxWaiters' | 'maxEventStreams'>
  /** By name; whoever is not told apart has the empty one. */
  readonly #holders = new Map<string, Holder>()
  readonly #counts = { waiter: 0, stream: 0 }

  /** @param config read at each request, since it may change */
  constructor(config: Pick<ApiConfig, 'maxConnections' | 'maxWaiters' | 'maxEventStreams'>) {
    this.#config = config
  }

  /**
   * Whether one more may be kept for a caller.
   *
   * @throws SIDEKEEP_TOO_MANY_WAITERS or SIDEKEEP_TOO_MANY_EVENT_STREAMS, which names the bound that is reached and the
   * option that raises it
   */
  admit(kind: Kind, caller: Caller): void {
    const full = this.#full(kind)
    if (full !== undefined && this.#yields(full.of, caller) === undefined) throw full.error
  }

  /**
   * Keeps one more, in the place of another where there is no room.
   *
   * @param letGo ends it for the good of another caller; called at most once, and not once it has ended
   * @returns what is to be called when it has ended, by itself or so
   * @throws as `admit`
   */
  keep(kind: Kind, caller: Caller, letGo: () => void): () => void {
    const full = this.#full(kind)
    if (full !== undefined) {
      // One for one: where a bound was lowered there may be more than it allows, and nobody has to go for that.
      const yielding = this.#yields(full.of, caller)
      if (yielding === undefined) throw full.error
      this.#end(yielding)
      yielding.letGo()
    }
    const kept: Kept = { kind, holder: this.#holder(caller), letGo }
    kept.holder[kind].add(kept)
    this.#counts[kind] += 1
    return () => this.#end(kept)
  }

  #full(kind: Kind): Full | undefined {
    const { code, option } = kinds[kind]
    const most = this.#config[option]
    if (this.#counts[kind] >= most) return full(kind, code, `${most}`, `api.${option}`)
    const together = Math.max(1, Math.floor(this.#config.maxConnections * share))
    if (this.#counts.waiter + this.#counts.stream < together) return undefined
    const bound = `${together}, waiting callers and event streams together`
    return full('both', code, bound, 'api.maxConnections')
  }

  /** What gives way to a caller: the oldest of whoever has more than that will have. */
  #yields(of: Full['of'], caller: Caller): Kept | undefined {
    const sizeOf = ({ waiter, stream }: Holder): number =>
      (of === 'stream' ? 0 : waiter.size) + (of === 'waiter' ? 0 : stream.size)
    let largest: Holder | undefined
    for (const holder of this.#holders.values()) {
      if (largest === undefined || sizeOf(holder) > sizeOf(largest)) largest = holder
    }
    const own = this.#holders.get(caller.name ?? '')
    if (largest === undefined || sizeOf(largest) <= (own === undefined ? 0 : sizeOf(own)) + 1)
      return undefined
    const { waiter, stream } = largest
    // Of both, what it has more of.
    const kind = of === 'both' ? (waiter.size > stream.size ? 'waiter' : 'stream') : of
    const [oldest] = largest[kind]
    return oldest
  }

  #holder(caller: Caller): Holder {
    const name = caller.name ?? ''
    const holder = this.#holders.get(name) ?? { name, waiter: new Set(), stream: new Set() }
    this.#holders.set(name, holder)
    return holder
  }

  #end(kept: Kept): void {
    const { kind, holder } = kept
    if (!holder[kind].delete(kept)) return
    this.#counts[kind] -= 1
    if (holder.waiter.size + holder.stream.size === 0) this.#holders.delete(holder.name)
  }
}

function full(of: Full['of'], code: ErrorCode, bound: string, option: string): Full {
  return { of, error: new CodedError(code, [bound, option], { retryAfterMs }) }
}
