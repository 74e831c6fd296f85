import type { SecretOutcome } from './outcome.ts'

/** What a feed brings, for somebody who waits for it. */
export class Gathering {
  readonly secrets = new Map<string, SecretOutcome>()
  readonly #whole = Promise.withResolvers<void>()
  /** The list that it is for has come. */
  isListed = false

  /** Resolves when nothing more comes before a pause. */
  get whole(): Promise<void> {
    return this.#whole.promise
  }

  end(): void {
    this.#whole.resolve()
  }
}
