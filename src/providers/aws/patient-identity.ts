import type { Clock } from '../../secrets/provider.ts'
import type { CredentialProvider } from './credentials.ts'

type Identity = Awaited<ReturnType<CredentialProvider>>

/** Milliseconds before the end of credentials at which others are fetched: as long as the SDK takes for it. */
const ahead = 5 * 60_000

/** Milliseconds for which credentials have to be good still to be used once more. */
const usable = 10_000

/**
 * Holds the credentials of an assumed role for as long as they are good. They are renewed behind the caller's back: one
 * that asks in the last five minutes neither waits nor fails where the service that gives them hangs.
 */
export class PatientIdentity {
  readonly #provide: CredentialProvider
  readonly #clock: Clock
  #held: Identity | undefined
  #under: Promise<Identity> | undefined

  constructor(provide: CredentialProvider, clock: Clock) {
    this.#provide = provide
    this.#clock = clock
  }

  async get(properties?: Parameters<CredentialProvider>[0]): Promise<Identity> {
    const held = this.#held
    if (held !== undefined && this.#isGoodFor(held, ahead)) return held
    const renewed = this.#renew(properties)
    if (held === undefined || !this.#isGoodFor(held, usable)) return await renewed
    // Whoever asks next tries again, and is told once these are over.
    renewed.catch(() => {})
    return held
  }

  #renew(properties: Parameters<CredentialProvider>[0]): Promise<Identity> {
    this.#under ??= this.#provide(properties)
      .then((identity) => {
        this.#held = identity
        return identity
      })
      .finally(() => {
        this.#under = undefined
      })
    return this.#under
  }

  #isGoodFor({ expiration }: Identity, ms: number): boolean {
    return expiration === undefined || expiration.getTime() - this.#clock.wall() > ms
  }
}
