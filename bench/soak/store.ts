/** What one backend has: its keys, each with what it was and is. */
import type { Dice } from './random.ts'
import { type Offer, Timeline } from './timeline.ts'
import { makeValue, type Shape } from './values.ts'

interface Item {
  readonly timeline: Timeline
  readonly shape: Shape
  /** Whether the backend names versions of it. */
  readonly versioned: boolean
  /** In seconds, where a value lives only for a time. */
  readonly lease: number | undefined
  count: number
}

/** How often a rotation brings back the value before, as a backend does that was rolled back. */
const backwards = 0.05

export class Store {
  readonly #dice: Dice
  readonly #items = new Map<string, Item>()

  constructor(dice: Dice) {
    this.#dice = dice
  }

  add(key: string, shape: Shape, versioned: boolean, lease?: number): Timeline {
    const item: Item = { timeline: new Timeline(key), shape, versioned, lease, count: 0 }
    this.#items.set(key, item)
    this.#renew(item)
    return item.timeline
  }

  get keys(): readonly string[] {
    return [...this.#items.keys()]
  }

  timeline(key: string): Timeline | undefined {
    return this.#items.get(key)?.timeline
  }

  /** How long a value of a key lives, in seconds; undefined where that is not bounded. */
  lease(key: string): number | undefined {
    return this.#items.get(key)?.lease
  }

  /** What each key has now. */
  get current(): ReadonlyMap<string, Offer> {
    return new Map([...this.#items].map(([key, { timeline }]) => [key, timeline.current]))
  }

  /** Gives a key another value. */
  rotate(key: string): void {
    const item = this.#item(key)
    const { previous } = item.timeline
    if (previous === undefined || !this.#dice.chance(backwards)) this.#renew(item)
    else item.timeline.offer(previous.value, previous.version, performance.now())
  }

  /** Takes a key away; `rotate` brings it back. */
  remove(key: string): void {
    this.#item(key).timeline.offer(undefined, undefined, performance.now())
  }

  get rotations(): number {
    let sum = 0
    for (const { timeline } of this.#items.values()) sum += timeline.rotations
    return sum
  }

  #renew(item: Item): void {
    item.count += 1
    const value = makeValue(item.shape, item.timeline.key.replaceAll('/', '-'), item.count, this.#dice)
    item.timeline.offer(value, item.versioned ? `v${item.count}` : undefined, performance.now())
  }

  #item(key: string): Item {
    const item = this.#items.get(key)
    if (item === undefined) throw new Error(`no such key: ${key}`)
    return item
  }
}
