import { type Clock, ProviderError } from '../../secrets/provider.ts'
import type { ApiClient } from '../shared/http/api-client.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Session } from './credentials/session.ts'
import type { Sessions } from './credentials/sessions.ts'
import { type Asked, failureOf } from './failure.ts'

export interface ClientOptions {
  readonly clock: Clock
  readonly sessions: Sessions
  readonly api: ApiClient
}

/** What is asked, once it is known on whose behalf. */
export interface Request {
  /** Path and query, encoded. */
  readonly path: string
  readonly asked: Omit<Asked, 'place'>
}

/** GET with the session that is current. A token that is not accepted is replaced once. */
export class Client {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /**
   * What `parse` makes of a 200. Rejects with a ProviderError, also where `parse` throws `Malformed`. What it makes must
   * not refer to the body, which is overwritten.
   */
  async get<T>(
    request: (session: Session) => Request,
    parse: (body: Buffer) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const { sessions, api, clock } = this.#options
    const session = await sessions.get(signal)
    let { answer, path, asked } = await this.#ask(request(session), session, signal)
    if (answer.status === 401) {
      answer.body.fill(0)
      sessions.refused(session)
      const next = await sessions.get(signal)
      ;({ answer, path, asked } = await this.#ask(request(next), next, signal))
    }
    const place = api.place({ path })
    try {
      if (answer.status !== 200) throw failureOf({ ...asked, place }, answer, clock.wall())
      return parse(answer.body)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      const words = `the answer cannot be read: ${error.message}. Check endpoint and what is between.`
      throw new ProviderError('unavailable', error.reason, `${place}: ${words}`)
    } finally {
      answer.body.fill(0)
    }
  }

  async #ask({ path, asked }: Request, { token, quotaProject }: Session, signal: AbortSignal) {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(quotaProject !== undefined && { 'x-goog-user-project': quotaProject }),
    }
    return { path, asked, answer: await this.#options.api.ask({ path, headers }, signal) }
  }
}
