import type { Ask, MadeCall, Urgency } from './ask.ts'
import { moreUrgent } from './ask.ts'
import type { Brought, Taken } from './brought.ts'
import { isUnchanged } from './brought.ts'
import type { Clock } from './clock.ts'
import type { SecretsObserver } from './observer.ts'
import type { Lease } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Source } from './source.ts'
import type { Batching, IsAsked, SourceBreaker, UnitSource } from './unit-source.ts'

/** One place of a chain. */
export interface ChainLink {
  readonly source: Source
  readonly key: string
}

/** Why a link brought nothing when it was last asked, and when that was, on the wall clock. */
export interface LinkFailure {
  readonly error: ProviderError
  readonly at: number
}

/** A lease knows which link gave it: another cannot make it last longer. */
interface LinkLease extends Lease {
  readonly link?: number
}

export interface ChainOptions {
  readonly clock: Clock
  /** Told of calls that failed: of the one that served, whoever wanted it tells. */
  readonly called: SecretsObserver['called']
}

const closed: SourceBreaker = { state: 'closed', cause: undefined, probeAt: undefined }

/**
 * Several places that a secret may come from. Each fetch asks them in turn until one is not *unavailable*: what is
 * *denied*, *missing* or *throttled* is an answer, and another place would only hide it. Each source keeps its own
 * breaker, permits and rate; what is asked here is asked there.
 *
 * What the second says is believed where it brings a value. That it has none, or refuses, says nothing of the first:
 * the chain as a whole is then unavailable, and what is held stays.
 */
export class Chain implements UnitSource {
  readonly links: readonly ChainLink[]
  readonly listsAll = false
  readonly listsKeys = false
  readonly lists = false
  readonly feedWidth = 0
  /** Its own is never open: it can be asked while one of its sources can, and knows in no time where none can. */
  readonly breaker = closed
  readonly #options: ChainOptions
  readonly #failures: (LinkFailure | undefined)[]
  /** The link that served last, or where none did the first one. */
  #last = 0
  #served: number | undefined
  /** When those before the one that serves were last asked, on the monotonic clock. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** The link that is being asked, and how urgently. */
  #asked = 0
  #urgency: Urgency = 'routine'

  /** @param links two at the least */
  constructor(links: readonly ChainLink[], options: ChainOptions) {
    this.links = links
    this.#options = options
    this.#failures = links.map(() => undefined)
  }

  get name(): string {
    return this.links[this.#last]?.source.name ?? ''
  }

  /** The one that is asked first. */
  get first(): ChainLink {
    const [first] = this.links
    if (first === undefined) throw new Error('a chain without links')
    return first
  }

  /** Which link the last fetch that succeeded was served by; undefined where none has. */
  get served(): number | undefined {
    return this.#served
  }

  /** Whether another than the first served last. */
  get isSpared(): boolean {
    return this.#served !== undefined && this.#served > 0
  }

  /** When those before the one that serves were last asked, on the monotonic clock. */
  get askedAt(): number {
    return this.#askedAt
  }

  get renews(): boolean {
    return this.links.some(({ source }) => source.renews)
  }

  /** The first of its sources that can serve many at a time: while that one serves, it should not be asked one by one. */
  get batch(): Batching | undefined {
    return this.links.find(({ source }) => source.batches)?.source
  }

  /** Why a link brought nothing when it was last asked; undefined where it did, or was not asked yet. */
  failureOf(link: number): LinkFailure | undefined {
    return this.#failures[link]
  }

  /** Whether a source would be asked before the one that served last. */
  prefers(source: Source): boolean {
    const before = this.links.slice(0, this.#served ?? this.links.length)
    return before.some((link) => link.source === source)
  }

  async fetch(_key: string, wish: Ask): Promise<Brought> {
    this.#urgency = wish.urgency
    this.#askedAt = this.#options.clock.now()
    let isCalled = false
    const ask: Ask = {
      ...wish,
      began: (call) => {
        isCalled = true
        wish.began(call)
      },
    }
    const failures: ProviderError[] = []
    for (const [index, link] of this.links.entries()) {
      this.#asked = index
      const brought = await this.#ask(link, this.#unforced(index, ask))
      // Given up by us: nobody is there to be served by another.
      if (brought instanceof ProviderError && brought.reason === 'aborted') return brought
      this.#note(index, brought)
      if ('value' in brought) return this.#serve(index, brought, failures[0])
      failures.push(brought)
      if (brought.kind !== 'unavailable') break
    }
    this.#last = 0
    this.#served = undefined
    return together(failures, isCalled)
  }

  /**
   * Asks those that come before the one that serves. It goes on serving where none of them has a value: what else they
   * say is believed when what is held has to be fetched, since until then a lease of it is good.
   */
  async regain(ask: Ask): Promise<Brought | undefined> {
    this.#urgency = ask.urgency
    this.#askedAt = this.#options.clock.now()
    let first: ProviderError | undefined
    for (const [index, link] of this.links.slice(0, this.#served ?? 0).entries()) {
      this.#asked = index
      const brought = await this.#ask(link, ask)
      if (brought instanceof ProviderError && brought.reason === 'aborted') return undefined
      this.#note(index, brought)
      if ('value' in brought) return this.#serve(index, brought, first)
      first ??= brought
      if (brought.kind !== 'unavailable') return undefined
    }
    return undefined
  }

  async fetchAll(): Promise<ProviderError> {
    return new ProviderError('unavailable', 'internal', `${this.name} cannot list as one of several`)
  }

  async listKeys(): Promise<ProviderError> {
    return new ProviderError('unavailable', 'internal', `${this.name} cannot list as one of several`)
  }

  async renew(_key: string, lease: LinkLease, ask: Ask): Promise<Lease | ProviderError> {
    const index = lease.link ?? 0
    const { source, key } = this.links[index] ?? this.first
    this.#last = this.#asked = index
    this.#urgency = ask.urgency
    const renewed = await source.renew(key, lease, ask)
    return renewed instanceof ProviderError ? renewed : this.#leaseOf(index, renewed)
  }

  raise(_key: string | undefined, urgency: Urgency): void {
    this.#urgency = moreUrgent(this.#urgency, urgency)
    const link = this.links[this.#asked]
    link?.source.raise(link.key, urgency)
  }

  forget(_key: string, isAsked: IsAsked): void {
    for (const { source, key } of this.links) source.forget(key, isAsked)
  }

  /** Nobody who waits probes a provider ahead of its time, and so waits for one that hangs, while another can be asked. */
  #unforced(index: number, ask: Ask): Ask {
    const isSpared = this.links.some(
      ({ source }, other) => other > index && source.breaker.state === 'closed',
    )
    return isSpared ? { ...ask, forced: false } : ask
  }

  /** Calls a link, and counts the call where it failed: only the last one is the affair of whoever asks. */
  async #ask({ source, key }: ChainLink, ask: Ask): Promise<Taken | ProviderError> {
    const { clock, called } = this.#options
    let call: MadeCall | undefined
    let at = 0
    const began = (made: MadeCall): void => {
      call = made
      at = clock.now()
      ask.began(made)
    }
    // Versions of different providers cannot be compared, so none is held that one of them could confirm.
    const { held: _, ...anew } = ask
    const brought = await source.fetch(key, { ...anew, urgency: this.#urgency, began })
    if (isUnchanged(brought)) throw new Error('a source confirmed what it was not told of')
    if (call?.isTold === false && brought instanceof ProviderError && brought.reason !== 'aborted') {
      call.isTold = true
      called({ provider: source.name, outcome: brought.kind, durationMs: clock.now() - at })
    }
    return brought
  }

  #note(index: number, brought: Brought): void {
    const isError = brought instanceof ProviderError
    this.#failures[index] = isError ? { error: brought, at: this.#options.clock.wall() } : undefined
  }

  #serve(index: number, { version: _, ...fetched }: Taken, instead: ProviderError | undefined): Brought {
    this.#last = this.#served = index
    const { lease } = fetched
    // Versions of different providers cannot be compared, so the content decides: the same bytes from another place are
    // no rotation, and the same version never means other bytes.
    return {
      ...fetched,
      ...(lease === undefined ? {} : { lease: this.#leaseOf(index, lease) }),
      served: { provider: this.name, place: index, instead },
    }
  }

  #leaseOf(link: number, lease: Lease): LinkLease {
    const renewable = lease.renewable && this.links[link]?.source.renews === true
    return { ...lease, renewable, link }
  }
}

/** Why no link brought anything. @param isCalled whether any of them was called for it */
function together(failures: readonly ProviderError[], isCalled: boolean): ProviderError {
  const [first] = failures
  if (first === undefined) throw new Error('a chain failed without a failure')
  if (failures.length === 1) return first
  const said = failures.map(({ message }) => message).join('; then ')
  // So it stays until the first of them lets a call through, after a probe's gap or the pause that a backend asked for.
  const isLeftAlone =
    !isCalled && failures.every(({ kind, reason }) => reason === 'circuit-open' || kind === 'throttled')
  const told = failures.find(({ reason }) => reason !== 'circuit-open') ?? first
  return new ProviderError('unavailable', isLeftAlone ? 'circuit-open' : told.reason, said, {
    retryAfterMs: isLeftAlone ? soonest(failures) : undefined,
  })
}

function soonest(failures: readonly ProviderError[]): number | undefined {
  const waits = failures.flatMap(({ retryAfterMs }) => (retryAfterMs === undefined ? [] : [retryAfterMs]))
  return waits.length < failures.length ? undefined : Math.min(...waits)
}
