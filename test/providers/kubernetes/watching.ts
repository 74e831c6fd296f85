import type { Test } from 'tap'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { traceOfCanary } from '../../support/canary.ts'
import {
  type FakeKubernetes,
  type FakeKubernetesOptions,
  startKubernetes,
} from '../../support/fake-kubernetes.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import { signal } from '../conformance.ts'
import { kubernetesProvider, type More } from './support.ts'

/** A provider that watches a fake API server, and what it reported. Time stands still unless the test moves it. */
export class Watching {
  readonly fake: FakeKubernetes
  readonly clock = new VirtualClock()
  readonly provider: Provider
  /** The reported keys; `*` for anything. */
  readonly changes: string[] = []
  readonly warnings: string[] = []
  readonly stopped = new AbortController()
  /** What the watch of the contract came to. */
  ended: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<() => void>()

  constructor(t: Test, fake: FakeKubernetes, more: More) {
    this.fake = fake
    const around: Partial<ProviderContext> = {
      clock: this.clock,
      warn: (message) => {
        this.warnings.push(message)
        for (const look of this.#waiting) look()
      },
    }
    this.provider = kubernetesProvider(t, { url: fake.url, ...more }, around)
    t.teardown(() => {
      this.stopped.abort()
      if (traceOfCanary(this.warnings.join('\n')) !== undefined) throw new Error('a warning carries a value')
    })
  }

  watch(): void {
    const changed = (key?: string): void => {
      this.changes.push(key ?? '*')
      for (const look of this.#waiting) look()
    }
    this.ended = this.provider.watch?.(changed, this.stopped.signal) ?? Promise.reject(new Error('no watch'))
    this.ended.catch(() => {})
  }

  async fetch(...keys: string[]): Promise<void> {
    await this.provider.fetch(keys, signal())
  }

  /** The next so many changes, and that there are no more of them by now. */
  async next(count = 1): Promise<string[]> {
    await this.until(() => this.changes.length >= count)
    return this.changes.splice(0)
  }

  async warned(count = 1): Promise<void> {
    await this.until(() => this.warnings.length >= count)
  }

  async until(isMet: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (isMet()) resolve()
    }
    this.#waiting.add(look)
    look()
    await promise
    this.#waiting.delete(look)
  }

  /** Moves time on until the fake was asked that so often. Sockets have no clock: they are given turns meanwhile. */
  async advanceUntilAsked(asked: string, times: number, step = 100): Promise<number> {
    const began = this.clock.now()
    for (let turns = 0; this.fake.count(asked) < times; turns++) {
      if (turns > 20_000) throw new Error(`never asked: ${asked}, ${times} times`)
      await this.clock.advance(step)
      for (let turn = 0; turn < 5; turn++) await settle()
    }
    return this.clock.now() - began
  }
}

export async function startWatching(
  t: Test,
  more: More = {},
  options: FakeKubernetesOptions = {},
): Promise<Watching> {
  return new Watching(t, await startKubernetes(t, options), more)
}
