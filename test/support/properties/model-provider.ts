import type {
  Clock,
  Fetched,
  HeldVersions,
  Lease,
  Provider,
  Unchanged,
} from '../../../src/secrets/provider.ts'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { denied, fetched, missing, throttled, unavailable, unchanged } from '../heart-backend.ts'
import type { Behaviour, Whole } from './behaviour.ts'
import { keys } from './behaviour.ts'
import type { Ledger, LedgerCall, Place } from './ledger.ts'
import { allKeys, everything } from './ledger.ts'
import type { Truth } from './truth.ts'

/** `named`: it lists keys, and takes two a call. */
export type Kind = 'keys' | 'batches' | 'list' | 'named'
/** What a backend said of a key, from which follows what callers must be told. */
export type Said =
  | {
      readonly said: 'value'
      readonly text: string
      readonly ttlMs: number | undefined
      readonly lease: Lease | undefined
    }
  | { readonly said: 'missing' | 'nothing' }

/** An answer that was heard, with when it was asked for. */
export type Heard =
  | {
      readonly what: 'keys'
      readonly call: LedgerCall
      readonly answers: ReadonlyMap<string, Said>
      /** Those of which it was only said that what is held is current. */
      readonly confirmed: ReadonlySet<string>
    }
  | { readonly what: 'list'; readonly call: LedgerCall; readonly answers: ReadonlyMap<string, Said> }
  | {
      readonly what: 'renewal'
      readonly call: LedgerCall
      readonly key: string
      readonly id: string
      readonly lease: Lease
    }

export interface ModelProviderOptions {
  readonly kind: Kind
  readonly renews: boolean
  readonly watches: boolean
  /** Whether it names versions; else the content decides. */
  readonly versions: boolean
}

/** A provider that behaves as its backend's truth says, and tells of each answer that is heard. */
export class ModelProvider implements Provider {
  readonly kind: Kind
  readonly batchSize: number
  readonly listKeys?: (patterns: readonly string[], signal: AbortSignal) => Promise<readonly string[]>
  readonly fetchAll?: (signal: AbortSignal) => Promise<Map<string, Fetched | ProviderError>>
  readonly renew?: (key: string, lease: Lease, signal: AbortSignal) => Promise<Lease>
  readonly watch?: (changed: (key?: string) => void, signal: AbortSignal) => Promise<void>
  readonly ledger: Ledger
  readonly leases = new Set<string>()
  /** Told before the heart hears of it. */
  heard: (heard: Heard) => void = () => {}
  /** Of the watch that is under way. */
  report: (key?: string) => void = () => {}
  failWatch: () => void = () => {}
  closed = 0
  readonly #truth: Truth
  readonly #clock: Clock
  readonly #versions: boolean
  /** The versions that it has ever given of a key with a value that was not leased. */
  readonly #given = new Map<string, Set<string>>()

  constructor(truth: Truth, clock: Clock, ledger: Ledger, options: ModelProviderOptions) {
    this.#truth = truth
    this.#clock = clock
    this.ledger = ledger
    this.kind = options.kind
    this.#versions = options.versions
    this.batchSize = { keys: 1, batches: 3, list: 1, named: 2 }[options.kind]
    if (options.kind === 'named') this.listKeys = (_patterns, signal) => this.#names(signal)
    if (options.kind === 'list') this.fetchAll = (signal) => this.#list(signal)
    if (options.renews) this.renew = (key, lease, signal) => this.#renew(key, lease, signal)
    if (options.watches) this.watch = (changed, signal) => this.#watch(changed, signal)
  }

  fetch(
    asked: readonly string[],
    signal: AbortSignal,
    held: HeldVersions = new Map(),
  ): Promise<Map<string, Fetched | Unchanged | ProviderError>> {
    this.#judge(asked, held)
    return this.#call([...asked], signal, (call) => {
      const values = new Map(asked.map((key) => [key, this.#say(key)]))
      const answers = mapped(values, (value, key) => this.#confirm(value, held.get(key)))
      const isBaseless = (key: string): boolean => isUnchanged(answers.get(key)) && !held.has(key)
      const said = mapped(values, (value, key) =>
        isBaseless(key) ? ({ said: 'nothing' } as const) : saidOf(value),
      )
      const confirmed = new Set(asked.filter((key) => isUnchanged(answers.get(key))))
      this.heard({ what: 'keys', call, answers: said, confirmed })
      if (this.#truth.whole.kind === 'talkative') answers.set('unasked', fetched('CANARY-unasked'))
      return answers
    })
  }

  async close(): Promise<void> {
    this.closed += 1
  }

  /** What is told to be held is what it has given, and what is asked for. */
  #judge(asked: readonly string[], held: HeldVersions): void {
    for (const [key, version] of held) {
      if (!asked.includes(key)) this.ledger.offences.push(`${key} is held, and not asked for`)
      if (this.#given.get(key)?.has(version) !== true)
        this.ledger.offences.push(`${key} is held as ${version}, which it was never given as`)
    }
  }

  /** Each second time the value is sent all the same. */
  #confirm(value: Fetched | ProviderError, held: string | undefined): Fetched | Unchanged | ProviderError {
    if (value instanceof ProviderError) return value
    const { ttlMs, lease, version } = value
    if (held === undefined && this.#truth.whole.kind === 'baseless') return unchanged(ttlMs)
    const isCurrent = held !== undefined && held === version && lease === undefined
    return isCurrent && this.ledger.calls % 2 === 0 ? unchanged(ttlMs) : value
  }

  #names(signal: AbortSignal): Promise<readonly string[]> {
    return this.#call([allKeys], signal, () => {
      const { whole } = this.#truth
      const lacks = (key: string): boolean =>
        whole.kind === 'lacking' && (whole.keys === 'all' || whole.keys.includes(key))
      const more = whole.kind === 'talkative' ? ['unasked', 'x/', '../x', 'x/7'] : []
      return [...keys.filter((key) => !lacks(key)), ...more]
    })
  }

  #list(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    return this.#call([everything], signal, (call) => {
      const { whole } = this.#truth
      const lacks = (key: string): boolean =>
        whole.kind === 'lacking' && (whole.keys === 'all' || whole.keys.includes(key))
      const listed = keys.filter((key) => this.#truth.of(key).kind !== 'missing' && !lacks(key))
      const answers = new Map<string, Fetched | ProviderError>(listed.map((key) => [key, this.#say(key)]))
      this.heard({ what: 'list', call, answers: mapped(answers, saidOf) })
      if (whole.kind === 'talkative') answers.set('unasked', fetched('CANARY-unasked'))
      return answers
    })
  }

  #renew(key: string, lease: Lease, signal: AbortSignal): Promise<Lease> {
    const id = lease.id ?? ''
    if (!this.leases.has(id)) this.ledger.offences.push(`a renewal of ${id}, which is none of its leases`)
    return this.#call([key], signal, (call) => {
      const behaviour = this.#truth.of(key)
      // Whatever else it gives now, it knows the lease no more.
      if (behaviour.kind !== 'leased') throw this.#failure(behaviour) ?? missing()
      const renewed = { ...lease, durationMs: behaviour.durationMs, renewable: behaviour.renewable }
      this.heard({ what: 'renewal', call, key, id, lease: renewed })
      return renewed
    })
  }

  #watch(changed: (key?: string) => void, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.report = changed
    this.failWatch = () => reject(unavailable())
    signal.addEventListener('abort', () => resolve(), { once: true })
    return promise
  }

  #call<T>(places: readonly Place[], signal: AbortSignal, say: (call: LedgerCall) => T): Promise<T> {
    const call = this.ledger.begin(places)
    const { whole, latencyMs } = this.#truth
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const hangs =
      whole.kind === 'never' ||
      places.some((place) => typeof place === 'string' && this.#truth.of(place).kind === 'never') ||
      (places[0] === everything && keys.some((key) => this.#truth.of(key).kind === 'never'))
    const answer = (): void => {
      signal.removeEventListener('abort', givenUp)
      this.ledger.end(call)
      try {
        const failure = this.#failure(this.#truth.whole)
        if (failure !== undefined) throw failure
        resolve(say(call))
      } catch (error) {
        reject(error)
      }
    }
    const timer = hangs || latencyMs === 0 ? undefined : this.#clock.setTimer(answer, latencyMs)
    const givenUp = (): void => {
      timer?.cancel()
      this.ledger.end(call)
    }
    signal.addEventListener('abort', givenUp, { once: true })
    if (!hangs && latencyMs === 0) answer()
    return promise
  }

  #failure(behaviour: Behaviour | Whole): Error | undefined {
    switch (behaviour.kind) {
      case 'denied':
        return denied()
      case 'unavailable':
        return unavailable()
      case 'throws':
        return new Error('a bug, which may quote CANARY-anything')
      case 'throttled':
        this.ledger.quiet(behaviour.retryAfterMs)
        return throttled(behaviour.retryAfterMs)
      default:
        return undefined
    }
  }

  #say(key: string): Fetched | ProviderError {
    const behaviour = this.#truth.of(key)
    const failure = this.#failure(behaviour)
    if (failure instanceof ProviderError) return failure
    const { name } = this.#truth
    const generation = this.#truth.generation(key)
    const version = this.#versions ? { version: `v${generation}` } : {}
    switch (behaviour.kind) {
      case 'missing':
      case 'never':
        return missing()
      case 'oversized':
        return new ProviderError('unavailable', 'oversized', 'the value is too large')
      case 'shapeless':
        return fetched(`CANARY-${name}-${key}-shapeless`)
      case 'leased': {
        const id = `${name}-${key}-lease-${this.#truth.nextLease()}`
        this.leases.add(id)
        const { durationMs, renewable } = behaviour
        return { ...fetched(jsonOf(`CANARY-${id}`)), ...version, lease: { id, durationMs, renewable } }
      }
      default: {
        const ttl = behaviour.kind === 'value' && behaviour.ttlMs !== undefined ? behaviour.ttlMs : undefined
        const text = jsonOf(`CANARY-${name}-${key}-${generation}`)
        if (this.#versions) this.#given.set(key, new Set(this.#given.get(key)).add(`v${generation}`))
        return { ...fetched(text), ...version, ...(ttl === undefined ? {} : { ttlMs: ttl }) }
      }
    }
  }
}

/** Each value is JSON with a field `f`, for rules that name one. */
function jsonOf(text: string): string {
  return JSON.stringify({ f: text })
}

function saidOf(answer: Fetched | ProviderError): Said {
  if (answer instanceof ProviderError) return { said: answer.kind === 'missing' ? 'missing' : 'nothing' }
  const { value, ttlMs, lease } = answer
  return { said: 'value', text: value.reveal().toString(), ttlMs, lease }
}

function isUnchanged(answer: Fetched | Unchanged | ProviderError | undefined): boolean {
  return answer !== undefined && 'unchanged' in answer
}

function mapped<A, B>(map: ReadonlyMap<string, A>, to: (value: A, key: string) => B): Map<string, B> {
  return new Map([...map].map(([key, value]) => [key, to(value, key)]))
}
