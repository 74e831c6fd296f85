/** What happens to the backends while callers ask: rotations, removals, faults, restarts. All from the dice. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Backend } from './backend.ts'
import { type Fault, faults } from './faults.ts'
import type { Dice } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { Store } from './store.ts'

export interface TurmoilOptions {
  readonly scenario: Scenario
  readonly dice: Dice
  /** Kinds of fault that do not happen. */
  readonly without: ReadonlySet<string>
}

/** Between two rotations of all backends together, in milliseconds. */
const rotationEvery = 300
/** How often a removable key goes away rather than rotates. */
const removal = 0.3
/** How often a fault lasts beyond the shortest maxStale. */
const longFault = 0.1

export class Turmoil {
  /** How often each fault began. */
  readonly injected = new Map<string, number>()
  readonly #options: TurmoilOptions
  readonly #ended = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: TurmoilOptions) {
    this.#options = options
  }

  start(): void {
    const { scenario, dice } = this.#options
    const parts = [
      this.#rotate(dice.fork()),
      ...scenario.backends.map((backend) => this.#trouble(backend, dice.fork())),
    ]
    this.#running = Promise.all(parts)
  }

  /** Ends all faults, and has everything that went away come back. */
  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#running
    const { backends, rotating, directory } = this.#options.scenario
    for (const backend of backends) {
      backend.fault = undefined
      await backend.start()
    }
    for (const { store, removable } of rotating) for (const key of removable) store.rotate(key)
    await directory.publish()
  }

  async #rotate(dice: Dice): Promise<void> {
    const { rotating, directory } = this.#options.scenario
    while (await this.#wait(rotationEvery)) {
      const { store, removable, keys = store.keys } = dice.pick(rotating)
      if (removable.length > 0 && dice.chance(removal)) removeOne(store, removable, dice)
      else store.rotate(dice.pick(keys))
      if (store === directory.store) await directory.publish()
    }
  }

  async #trouble(backend: Backend, dice: Dice): Promise<void> {
    const { without } = this.#options
    const possible = faults.filter(
      ({ fault }) => !without.has(fault) && (fault !== 'vanish' || backend.lists),
    )
    if (possible.length === 0) return
    while (await this.#wait(dice.between(1_000, 6_000))) {
      const { fault } = dice.weighted(possible)
      this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1)
      const duration = dice.chance(longFault) ? dice.between(5_000, 9_000) : dice.between(200, 3_000)
      await this.#suffer(backend, fault, duration)
    }
  }

  async #suffer(backend: Backend, fault: Fault, duration: number): Promise<void> {
    backend.fault = fault
    if (fault === 'restart') await backend.stop()
    await this.#wait(duration)
    if (fault === 'restart') await backend.start()
    backend.fault = undefined
  }

  /** @returns false once all is over */
  async #wait(ms: number): Promise<boolean> {
    const { signal } = this.#ended
    await pause(ms, undefined, { signal }).catch(() => {})
    return !signal.aborted
  }
}

/** One at a time: a list that lacks more is taken for a fault. What was away comes back first. */
function removeOne(store: Store, removable: readonly string[], dice: Dice): void {
  const away = removable.filter((key) => store.timeline(key)?.current.value === undefined)
  if (away.length > 0) for (const key of away) store.rotate(key)
  else store.remove(dice.pick(removable))
}
