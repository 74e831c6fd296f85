import { type Clock, ProviderError } from '../../../secrets/provider.ts'
import { withDeadline } from '../../shared/http/deadline.ts'
import type { Session } from './session.ts'

export interface SessionsOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly clock: Clock
  /** Milliseconds for one login, however many requests it takes. */
  readonly timeout: number
  readonly logIn: (signal: AbortSignal) => Promise<Session>
}

/** Milliseconds before its end from which on a token is not used any more: the metadata server has another one by then. */
const margin = 225_000

interface Login {
  readonly promise: Promise<Session>
  readonly controller: AbortController
  waiting: number
}

/**
 * The session that is current. One is made when it is asked for and none is held, or what is held is about to end; all
 * who ask meanwhile share one login, which is given up when nobody waits for it any more.
 */
export class Sessions {
  readonly #options: SessionsOptions
  #held: { readonly session: Session; readonly until: number } | undefined
  #login: Login | undefined
  #isClosed = false

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** Rejects with a ProviderError, at once where the signal aborts. */
  async get(signal: AbortSignal): Promise<Session> {
    if (signal.aborted || this.#isClosed) throw this.#givenUp()
    const held = this.#held
    if (held !== undefined && this.#options.clock.now() < held.until) return held.session
    const login = this.#login ?? this.#begin()
    login.waiting++
    try {
      return await this.#unlessAborted(login.promise, signal)
    } finally {
      login.waiting--
      if (login.waiting === 0) this.#abandon(login)
    }
  }

  /** Its token was not accepted: whoever asks next gets another one. */
  refused(session: Session): void {
    if (this.#held?.session === session) this.#held = undefined
  }

  /** Ends a login under way. */
  close(): void {
    this.#isClosed = true
    this.#held = undefined
    this.#login?.controller.abort()
  }

  #begin(): Login {
    const { clock, timeout, logIn } = this.#options
    const controller = new AbortController()
    const asked = clock.now()
    const promise = withDeadline(
      {
        clock,
        timeout,
        signal: controller.signal,
        onTimeout: () => this.#late(),
        onAbort: () => this.#givenUp(),
      },
      logIn,
    )
    const login: Login = { promise, controller, waiting: 0 }
    this.#login = login
    promise.then(
      (session) => {
        this.#end(login)
        if (this.#isClosed) return
        const { lifetimeMs } = session
        this.#held = { session, until: asked + lifetimeMs - Math.min(margin, lifetimeMs / 2) }
      },
      () => this.#end(login),
    )
    return login
  }

  #end(login: Login): void {
    if (this.#login === login) this.#login = undefined
  }

  /** Whoever comes next must not join a login that is given up. */
  #abandon(login: Login): void {
    this.#end(login)
    login.controller.abort()
  }

  async #unlessAborted(promise: Promise<Session>, signal: AbortSignal): Promise<Session> {
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(this.#givenUp())
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([promise, aborted])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #late(): ProviderError {
    const { name, timeout } = this.#options
    const words = `no access token within ${timeout} ms. Check that the metadata server, or what the credentials name, can be reached, or raise timeout.`
    return new ProviderError('unavailable', 'timeout', `provider "${name}": ${words}`)
  }

  #givenUp(): ProviderError {
    const { name } = this.#options
    return new ProviderError('unavailable', 'aborted', `provider "${name}": the login was given up.`)
  }
}
