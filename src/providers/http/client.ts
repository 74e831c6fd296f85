import type { HttpProviderConfig } from '../../config/schema.ts'
import type { StringSource } from '../../config/source.ts'
import { CodedError } from '../../errors.ts'
import { type ProviderContext, ProviderError, type ProviderErrorReason } from '../../secrets/provider.ts'
import { Connection, type Lease, UnusableMaterial } from '../shared/http/connection.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import { type Answer, exchange } from '../shared/http/exchange.ts'
import { transportFailure } from '../shared/http/failure.ts'
import { Malformed } from '../shared/malformed.ts'
import { shown } from './address.ts'
import { Conditional, type Remembered } from './conditional.ts'
import { isRedirect, nextHop } from './redirect.ts'
import { statusFailure } from './status.ts'

/** A complete answer with the status 200, or what a 304 says is still current. */
export interface Page {
  readonly body: Buffer
  readonly contentType: string | undefined
  readonly etag: string | undefined
}

/** What to get, and what to make of it. */
export interface Wanted<T> {
  readonly url: URL
  /** The key that the URL is for; undefined where it is for all. */
  readonly key: string | undefined
  /** What it makes must not refer to the body of the page, which is overwritten. */
  readonly parse: (page: Page) => T
  /** Whether each answer is to be one of its own, and so is never asked for conditionally. */
  readonly isUnique: (result: T) => boolean
}

/** What a Bearer token may hold: no space, nothing outside visible ASCII (RFC 6750, section 2.1, read generously). */
const tokenForm = /^[!-~]+$/

/** GET with the provider's credentials, under one deadline, with redirects and conditional requests. */
export class HttpClient {
  readonly #config: HttpProviderConfig
  readonly #context: ProviderContext
  readonly #connection: Connection
  readonly #conditional: Conditional

  constructor(config: HttpProviderConfig, context: ProviderContext, origin: string) {
    this.#config = config
    this.#context = context
    const { timeout, maxConcurrentCalls: connections } = config
    this.#connection = new Connection({ origin, timeout, connections })
    this.#conditional = new Conditional(config.maxRemembered)
  }

  /** How messages name a request. */
  place(url: URL): string {
    return `provider "${this.#context.name}": GET ${shown(url)}`
  }

  /**
   * What `parse` makes of the answer. Rejects with a ProviderError, also where `parse` throws `Malformed`: such an
   * answer is not remembered as one that could still be current.
   */
  async get<T>(wanted: Wanted<T>, signal: AbortSignal): Promise<T> {
    const { timeout } = this.#config
    const place = this.place(wanted.url)
    return await withDeadline(
      {
        clock: this.#context.clock,
        timeout,
        signal,
        onTimeout: () => {
          const words = `no complete answer within ${timeout} ms. Check the backend, or raise timeout.`
          return new ProviderError('unavailable', 'timeout', `${place}: ${words}`)
        },
        onAbort: () => new ProviderError('unavailable', 'aborted', `${place}: the request was given up.`),
      },
      (inner) => this.#fetch(wanted, inner),
    )
  }

  async close(): Promise<void> {
    await this.#connection.close()
    this.#conditional.close()
  }

  async #fetch<T>(wanted: Wanted<T>, signal: AbortSignal): Promise<T> {
    const path = `${wanted.url.pathname}${wanted.url.search}`
    const known = this.#conditional.take(path)
    let isReplaced = false
    try {
      const answer = await this.#ask(wanted.url, known, signal)
      if (answer.status === 304 && known !== undefined) {
        return parsed({ ...known, body: known.body.reveal() }, wanted.parse, this.place(wanted.url))
      }
      const result = this.#take(path, wanted, answer)
      isReplaced = true
      return result
    } finally {
      // Whatever went wrong, what was current before may still be.
      if (isReplaced) known?.body.wipe()
      else if (known !== undefined) this.#conditional.give(path, known)
    }
  }

  async #ask(url: URL, known: Remembered | undefined, signal: AbortSignal): Promise<Answer> {
    const headers = await this.#headers(this.place(url))
    if (known !== undefined) headers['if-none-match'] = known.etag
    return await this.#follow(url, headers, signal)
  }

  /** What a full answer brings. Its body is remembered, or overwritten. */
  #take<T>(path: string, { url, key, parse, isUnique }: Wanted<T>, answer: Answer): T {
    const place = this.place(url)
    let isRemembered = false
    try {
      if (answer.status !== 200) throw statusFailure({ place, key }, answer, this.#context.clock.wall())
      const page = pageOf(answer, place)
      const result = parsed(page, parse, place)
      isRemembered = !isUnique(result)
      if (isRemembered) this.#conditional.set(path, page)
      return result
    } finally {
      if (!isRemembered) answer.body.fill(0)
    }
  }

  /** Sends the request and follows redirects within the origin. */
  async #follow(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const { maxBody } = this.#config
    const place = this.place(url)
    const lease = await this.#lease(place)
    try {
      for (let at = url, hops = 0; ; hops++) {
        const path = `${at.pathname}${at.search}`
        // Told by the place that was configured: the path of a redirect is the backend's, and may hold anything.
        const answer = await exchange(lease.pool, { path, headers, place, maxBody }, signal)
        if (!isRedirect(answer)) return answer
        at = nextHop(at, answer, hops, place)
      }
    } finally {
      lease.release()
    }
  }

  async #lease(place: string): Promise<Lease> {
    const { ca } = this.#config
    const pem = ca === undefined ? undefined : await this.#read(ca, 'ca', place)
    try {
      return this.#connection.lease({ ca: pem })
    } catch (error) {
      if (!(error instanceof UnusableMaterial)) throw transportFailure(place, error)
      const words = `ca, from ${ca?.describe()}, is not usable: ${error.message}.`
      throw new ProviderError('unavailable', 'credential', `${place}: ${words}`)
    }
  }

  async #headers(place: string): Promise<Record<string, string>> {
    const { token, headers = {} } = this.#config
    const all: Record<string, string> = {
      accept: 'application/json, */*;q=0.5',
      // Compression beside a secret tells its length apart; and a bound on bytes should be one on what is unpacked.
      'accept-encoding': 'identity',
      'user-agent': 'sidekeep',
    }
    for (const [name, source] of Object.entries(headers)) {
      all[name.toLowerCase()] = await this.#read(source, `headers.${name}`, place)
    }
    if (token !== undefined) {
      const value = (await this.#read(token, 'token', place)).trim()
      if (!tokenForm.test(value)) {
        throw credential(place, `token, from ${token.describe()}, holds what no bearer token can.`)
      }
      all.authorization = `Bearer ${value}`
    }
    return all
  }

  async #read(source: StringSource, what: string, place: string): Promise<string> {
    try {
      return await source.read()
    } catch (error) {
      // The message of a coded error is made to be shown; what else may be thrown is not known to be.
      const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
      throw credential(place, `${what}: ${words}`)
    }
  }
}

function parsed<T>(page: Page, parse: (page: Page) => T, place: string): T {
  try {
    return parse(page)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw unavailable(error.reason, place, `the answer cannot be read: ${error.message}.`)
  }
}

/** The parts of a 200 that count. Throws where the body is not what was asked for. */
function pageOf({ headers, body }: Answer, place: string): Page {
  const malformed = (words: string): ProviderError => unavailable('malformed', place, words)
  const encoding = headers.get('content-encoding')
  if (encoding !== undefined && encoding !== 'identity') {
    throw malformed('the answer is compressed, although "Accept-Encoding: identity" was sent. Turn that off.')
  }
  if (body.length === 0) throw malformed('the answer is empty.')
  const contentType = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (contentType === 'text/html') {
    throw malformed('the answer is HTML: a login or error page? Check url and token.')
  }
  // A body that ends with the connection looks complete wherever it was cut off.
  if (!headers.has('content-length') && !headers.has('transfer-encoding')) {
    throw malformed(
      'the answer has neither Content-Length nor chunks, so nobody can tell whether it is complete.',
    )
  }
  return { body, contentType, etag: headers.get('etag') }
}

function credential(place: string, words: string): ProviderError {
  return unavailable('credential', place, words)
}

function unavailable(reason: ProviderErrorReason, place: string, words: string): ProviderError {
  return new ProviderError('unavailable', reason, `${place}: ${words}`)
}
