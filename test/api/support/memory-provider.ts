import type { Fetched, Provider } from '../../../src/secrets/provider.ts'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { SecretValue } from '../../../src/secrets/secret.ts'

/** A backend in this process: a map that a test changes, failures that it orders, a gate that it holds shut. */
export class MemoryProvider implements Provider {
  readonly values = new Map<string, string | Buffer>()
  /** While set, every call fails with it. */
  failure: ProviderError | undefined
  /** How often it was called. */
  calls = 0
  #gate: { promise: Promise<void>; open: () => void } | undefined

  constructor(values: Readonly<Record<string, string | Buffer>> = {}) {
    for (const [key, value] of Object.entries(values)) this.values.set(key, value)
  }

  /** Until the returned function is called, calls wait. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = { promise, open: resolve }
    return () => {
      this.#gate = undefined
      resolve()
    }
  }

  async fetch(keys: readonly string[]): Promise<Map<string, Fetched | ProviderError>> {
    this.calls += 1
    await this.#gate?.promise
    if (this.failure !== undefined) throw this.failure
    return new Map(keys.map((key) => [key, this.#fetched(key)]))
  }

  #fetched(key: string): Fetched | ProviderError {
    const value = this.values.get(key)
    if (value === undefined) return new ProviderError('missing', 'not-found', `memory has no "${key}"`)
    return {
      value: typeof value === 'string' ? SecretValue.fromText(value) : new SecretValue(Buffer.from(value)),
    }
  }
}
