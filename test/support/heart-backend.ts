import type { Clock, Fetched, HeldVersions, Provider, Unchanged } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { SecretValue } from '../../src/secrets/secret.ts'

export type Answer = Fetched | ProviderError
/** Of a key that is asked for by itself. */
export type KeyAnswer = Answer | Unchanged
export type Listing = ReadonlyMap<string, Answer> | ProviderError

/** What a backend brings: `text` must carry the marker that leak checks look for. */
export function fetched(text: string | Buffer, more: { version?: string; ttlMs?: number } = {}): Fetched {
  const value = typeof text === 'string' ? SecretValue.fromText(text) : new SecretValue(text)
  return { value, ...more }
}

export const unchanged = (ttlMs?: number): Unchanged => ({
  unchanged: true,
  ...(ttlMs === undefined ? {} : { ttlMs }),
})
export const unavailable = (retryAfterMs?: number): ProviderError =>
  new ProviderError('unavailable', 'refused', 'the backend refuses connections', { retryAfterMs })
export const throttled = (retryAfterMs?: number): ProviderError =>
  new ProviderError('throttled', 'throttled', 'the backend asks for fewer calls', { retryAfterMs })
export const denied = (): ProviderError =>
  new ProviderError('denied', 'denied', 'the backend denies the credential')
export const missing = (): ProviderError =>
  new ProviderError('missing', 'not-found', 'the backend has no such key')

interface Call {
  /** On the monotonic clock. */
  readonly at: number
  /** Undefined: a list. */
  readonly key: string | undefined
  readonly signal: AbortSignal
  /** The version of it that is held, as far as the backend was told. */
  readonly held: string | undefined
}

/** A backend in the test's own hands: counts what is asked of it, and how much of it at the same time. */
abstract class Backend {
  readonly calls: Call[] = []
  /** The most calls that were under way at a time for one key (or for the list). */
  mostUnderWay = 0
  closed = 0
  readonly #clock: Clock
  readonly #underWay = new Map<string | undefined, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get times(): number[] {
    return this.calls.map(({ at }) => at)
  }

  callsFor(key: string): number {
    return this.calls.filter((call) => call.key === key).length
  }

  async close(): Promise<void> {
    this.closed += 1
  }

  protected async counted<T>(
    key: string | undefined,
    signal: AbortSignal,
    work: () => T | Promise<T>,
    held?: string,
  ): Promise<T> {
    this.calls.push({ at: this.#clock.now(), key, signal, held })
    const underWay = (this.#underWay.get(key) ?? 0) + 1
    this.#underWay.set(key, underWay)
    this.mostUnderWay = Math.max(this.mostUnderWay, underWay)
    try {
      return await work()
    } finally {
      this.#underWay.set(key, (this.#underWay.get(key) ?? 1) - 1)
    }
  }
}

/** A backend that is asked key by key. */
export class KeyBackend extends Backend implements Provider {
  answer: (key: string, held?: string) => KeyAnswer | Promise<KeyAnswer>

  constructor(clock: Clock, answer: (key: string, held?: string) => KeyAnswer | Promise<KeyAnswer>) {
    super(clock)
    this.answer = answer
  }

  async fetch(
    keys: readonly string[],
    signal: AbortSignal,
    held?: HeldVersions,
  ): Promise<Map<string, KeyAnswer>> {
    const answers = new Map<string, KeyAnswer>()
    for (const key of keys) {
      const version = held?.get(key)
      const answer = await this.counted(key, signal, () => this.answer(key, version), version)
      answers.set(key, 'unchanged' in answer ? answer : own(answer))
    }
    return answers
  }
}

/** A backend that says which keys it has, and is asked key by key for their values. */
export class NamingBackend extends KeyBackend {
  names: () => readonly string[] | ProviderError | Promise<readonly string[] | ProviderError>
  /** What each list was told is wanted. */
  readonly patterns: (readonly string[])[] = []

  constructor(clock: Clock, names: NamingBackend['names'], answer?: KeyBackend['answer']) {
    super(clock, answer ?? ((key) => fetched(`CANARY-${key}`)))
    this.names = names
  }

  async listKeys(patterns: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    this.patterns.push(patterns)
    const answer = await this.counted(undefined, signal, () => this.names())
    if (answer instanceof ProviderError) throw answer
    return answer
  }

  get lists(): number {
    return this.calls.filter(({ key }) => key === undefined).length
  }

  get keys(): (string | undefined)[] {
    return this.calls.flatMap(({ key }) => (key === undefined ? [] : [key]))
  }
}

/** A backend that lists everything in one call. */
export class ListBackend extends Backend implements Provider {
  list: () => Listing | Promise<Listing>

  constructor(clock: Clock, list: () => Listing | Promise<Listing>) {
    super(clock)
    this.list = list
  }

  async fetch(keys: readonly string[], signal: AbortSignal): Promise<Map<string, Answer>> {
    const all = await this.fetchAll(signal)
    return new Map(keys.map((key) => [key, all.get(key) ?? missing()]))
  }

  async fetchAll(signal: AbortSignal): Promise<Map<string, Answer>> {
    const answer = await this.counted(undefined, signal, () => this.list())
    if (answer instanceof ProviderError) throw answer
    return new Map([...answer].map(([key, each]) => [key, own(each)]))
  }
}

/** Each fetch hands out values of its own, since the heart overwrites them: a test may give the same answer again. */
function own(answer: Answer): Answer {
  return answer instanceof ProviderError ? answer : { ...answer, value: answer.value.copy() }
}

/** A backend that can push: the test says what changed, and when a watch fails. */
export class WatchedBackend extends KeyBackend {
  /** When each watch began, on the monotonic clock. */
  readonly watches: number[] = []
  changed: (key?: string) => void = () => {}
  fail: (error: ProviderError) => void = () => {}
  readonly #watchClock: Clock

  constructor(clock: Clock, answer: (key: string) => Answer | Promise<Answer>) {
    super(clock, answer)
    this.#watchClock = clock
  }

  watch(changed: (key?: string) => void, signal: AbortSignal): Promise<void> {
    this.watches.push(this.#watchClock.now())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.changed = changed
    this.fail = reject
    signal.addEventListener('abort', () => resolve(), { once: true })
    return promise
  }
}
