import type { ProviderError } from './provider.ts'

/** Refusals that are no further apart than this, in milliseconds, are the same. */
const moment = 10

/**
 * The refusals of one moment are one error: a storm is refused thousands of times, each refusal is remembered for the
 * name that it met, and an error of its own would carry a stack of its own.
 */
export class Refusals {
  #last: { readonly reason: object; readonly at: number; readonly error: ProviderError } | undefined

  /** @param reason what makes refusals differ, whenever they come */
  of(reason: object, now: number, make: () => ProviderError): ProviderError {
    if (this.#last === undefined || this.#last.reason !== reason || now - this.#last.at > moment) {
      this.#last = { reason, at: now, error: make() }
    }
    return this.#last.error
  }
}
