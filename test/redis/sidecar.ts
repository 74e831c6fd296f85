/** What a sidecar has of the limits, on the system's clock, and load on it. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { makeStore, type StoreSettings } from '../../src/proxy/limits/make-store.ts'
import type { LimitStore } from '../../src/proxy/limits/store.ts'
import { systemClock } from '../../src/secrets/clock.ts'
import { limit, passes, redisConfig, Told, Values } from '../proxy/support/redis-store.ts'

export interface Sidecar {
  readonly store: LimitStore
  readonly told: Told
  readonly values: Values
}

/** Secrets: what is there at the start, by name. */
export async function openSidecar(
  settings: Partial<StoreSettings> & Pick<StoreSettings, 'store'>,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Sidecar> {
  const told = new Told()
  const values = new Values()
  for (const [name, value] of Object.entries(secrets)) values.set(name, value)
  const deps = { log: told.log, clock: systemClock, observer: told, values }
  const store = makeStore({ limits: [limit()], onStoreFailure: 'local', ...settings }, deps)
  await store.open()
  return { store, told, values }
}

export { limit, redisConfig }

/** Many clients that ask without a pause until they are stopped. */
export class Load {
  allowed = 0
  asked = 0
  /** Of an answer that was waited for, in milliseconds. */
  longestWait = 0
  readonly #store: LimitStore
  readonly #key: string
  readonly #loop = monitorEventLoopDelay({ resolution: 1 })
  #isOver = false
  readonly #clients: Promise<void>[]

  constructor(store: LimitStore, clients: number, key = 'shared') {
    this.#store = store
    this.#key = key
    this.#loop.enable()
    this.#clients = Array.from({ length: clients }, () => this.#ask())
  }

  /** What this process itself was late by at the most, in milliseconds. */
  get ownDelay(): number {
    return this.#loop.max / 1e6
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#clients)
    this.#loop.disable()
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      const began = performance.now()
      const answer = this.#store.take([{ place: 0, key: this.#key }], began)
      if (passes(await answer)) this.allowed += 1
      if (answer instanceof Promise) this.longestWait = Math.max(this.longestWait, performance.now() - began)
      this.asked += 1
      // What is answered at once would keep everything else from its turn.
      if (!(answer instanceof Promise)) await turn()
    }
  }
}
