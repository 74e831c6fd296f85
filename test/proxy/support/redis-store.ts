/** A store that counts in a fake Redis, on a clock that a test moves. */
import type { Writable } from 'node:stream'
import { pino } from 'pino'
import type { Test } from 'tap'
import type { LimitConfig, RedisConfig } from '../../../src/config/schema.ts'
import { makeStore, type StoreDeps, type StoreSettings } from '../../../src/proxy/limits/make-store.ts'
import type { Answer, Demand, LimitStore } from '../../../src/proxy/limits/store.ts'
import type { StoreFailure } from '../../../src/proxy/observer.ts'
import type { Clock } from '../../../src/secrets/clock.ts'
import type { ValuePlace } from '../../../src/secrets/values.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** Secrets that a test sets. */
export class Values {
  readonly #values = new Map<string, string>()
  readonly #watchers = new Set<() => void>()

  read({ secret }: ValuePlace): string | undefined {
    return this.#values.get(secret)
  }

  watch(_place: ValuePlace, changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  set(name: string, value: string): void {
    this.#values.set(name, value)
    for (const changed of this.#watchers) changed()
  }

  get watchers(): number {
    return this.#watchers.size
  }
}

/** What a store tells of itself. */
export class Told {
  readonly failures: StoreFailure[] = []
  readonly lines: Record<string, unknown>[] = []
  /** Where each line goes too. */
  copyTo: Writable | undefined
  readonly log = pino({ base: null, timestamp: false }, { write: (line: string) => this.#add(line) })
  #wake: () => void = () => {}

  storeFailed({ reason }: { reason: StoreFailure }): void {
    this.failures.push(reason)
    this.#wake()
  }

  get messages(): string[] {
    return this.lines.map(({ msg }) => String(msg))
  }

  async failed(count: number): Promise<void> {
    while (this.failures.length < count) await this.#next()
  }

  async logged(count: number): Promise<void> {
    while (this.lines.length < count) await this.#next()
  }

  #add(line: string): void {
    this.lines.push(JSON.parse(line))
    this.copyTo?.write(line)
    this.#wake()
  }

  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
  }
}

export interface Rig {
  readonly clock: VirtualClock
  readonly told: Told
  readonly values: Values
  readonly deps: StoreDeps
}

export function rig(clock: VirtualClock = new VirtualClock()): Rig {
  const told = new Told()
  const values = new Values()
  // The longest waits: a test that advances by them has made the next attempt due.
  return { clock, told, values, deps: { log: told.log, clock, observer: told, values, random: () => 0.999 } }
}

export function limit(options: Partial<LimitConfig> = {}): LimitConfig {
  return {
    name: 'per-client',
    match: {},
    key: [{ by: 'client-ip' }],
    rate: 10,
    burst: 3,
    mode: 'enforce',
    maxKeys: 1_000,
    ...options,
  }
}

export function redisConfig(url: string, options: Partial<RedisConfig> = {}): StoreSettings['store'] {
  return { kind: 'redis', url, cluster: false, prefix: 'shop', timeout: 50, ...options }
}

/** Closed when the test ends. */
export async function open(
  t: Test,
  settings: Partial<StoreSettings> & Pick<StoreSettings, 'store'>,
  deps: StoreDeps,
  former?: LimitStore,
): Promise<LimitStore> {
  const store = makeStore({ limits: [limit()], onStoreFailure: 'local', ...settings }, deps, former)
  t.teardown(() => store.close())
  await store.open()
  return store
}

/** Has one key ask the first limits, and says what came of it. */
export function asker(store: LimitStore, clock: Pick<Clock, 'now'>, places = 1) {
  return (key: string): Answer | Promise<Answer> => {
    const demands = Array.from({ length: places }, (_, place): Demand => ({ place, key }))
    return store.take(demands, clock.now())
  }
}

/** Whether the request passes. */
export function passes(answer: Answer): boolean {
  return typeof answer === 'string' ? answer === 'allow' : answer.every(({ allowed }) => allowed)
}
