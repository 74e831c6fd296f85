import type { OnepasswordConnectConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { atOnce } from '../shared/each.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Item, itemOf, type Named, type Summary, summariesOf, vaultsOf } from './item.ts'
import { saysNotFound, statusFailure } from './status.ts'

interface Wanted<T> {
  /** What follows the configured URL. */
  readonly path: string
  /** What it is, for messages. */
  readonly about: string
  /** What it makes must not refer to the body, which is overwritten. */
  readonly parse: (body: Buffer) => T
  /** What a 404 of a Connect server means; without it, and where another says so, that the URL is wrong. */
  readonly absent?: T
  /** What a 403 means; without it, that the token lacks a right. */
  readonly forbidden?: T
  readonly accept?: string
}

/** What a Bearer token may hold: no space, nothing outside visible ASCII (RFC 6750, section 2.1, read generously). */
const tokenForm = /^[!-~]+$/

/**
 * The REST API of a Connect server (https://developer.1password.com/docs/connect/api-reference), as far as reading goes.
 * Everything rejects with a ProviderError.
 */
export class ConnectApi {
  readonly #config: OnepasswordConnectConfig
  readonly #context: ProviderContext
  readonly #client: ApiClient
  readonly #base: string

  constructor(config: OnepasswordConnectConfig, context: ProviderContext) {
    const { timeout, maxBody, ca, maxConcurrentCalls } = config
    const url = new URL(config.url)
    this.#config = config
    this.#context = context
    this.#base = url.pathname.replace(/\/+$/, '')
    this.#client = new ApiClient({
      name: context.name,
      origin: url.origin,
      clock: context.clock,
      timeout,
      maxBody,
      ca,
      connections: maxConcurrentCalls * atOnce,
    })
  }

  /** How messages name the server. */
  get place(): string {
    return `provider "${this.#context.name}": ${new URL(this.#config.url).origin}`
  }

  /** The vaults that the token may see; those with the name only, or maybe more. */
  vaults(name: string | undefined, signal: AbortSignal): Promise<Named[]> {
    const most = this.#config.maxSecrets
    return this.#get(
      {
        path: `/v1/vaults${filter('name', name)}`,
        about: 'list of vaults',
        parse: (body) => vaultsOf(parseJson(body), most),
      },
      signal,
    )
  }

  /** Whether the token may see a vault with the id. What has the form of an id may be a name all the same. */
  hasVault(id: string, signal: AbortSignal): Promise<boolean> {
    const path = `/v1/vaults/${id}`
    return this.#get({ path, about: 'vault', parse: () => true, absent: false, forbidden: false }, signal)
  }

  /** The items of a vault; those with the title only, or maybe more. Undefined where the vault is said not to be there. */
  items(vault: Named, title: string | undefined, signal: AbortSignal): Promise<Summary[] | undefined> {
    const most = this.#config.maxSecrets
    return this.#get<Summary[] | undefined>(
      {
        path: `/v1/vaults/${vault.id}/items${filter('title', title)}`,
        about: `the vault "${vault.title}"`,
        parse: (body) => summariesOf(parseJson(body), most),
        absent: undefined,
      },
      signal,
    )
  }

  /** Undefined where it is said not to be there, or neither the vault; put away is an item in the archive or the bin. */
  item(vault: Named, id: string, signal: AbortSignal): Promise<Item | 'put away' | undefined> {
    return this.#get<Item | 'put away' | undefined>(
      {
        path: `/v1/vaults/${vault.id}/items/${id}`,
        about: `the vault "${vault.title}"`,
        parse: (body) => itemOf(parseJson(body)) ?? 'put away',
        absent: undefined,
      },
      signal,
    )
  }

  /** The bytes of a file, for the one who gets them; undefined where it is said not to be there. */
  file(vault: Named, item: string, id: string, signal: AbortSignal): Promise<Buffer | undefined> {
    return this.#get<Buffer | undefined>(
      {
        path: `/v1/vaults/${vault.id}/items/${item}/files/${id}/content`,
        about: `the vault "${vault.title}"`,
        accept: '*/*',
        parse: (body) => Buffer.from(body),
        absent: undefined,
      },
      signal,
    )
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  async #get<T>({ about, parse, accept, ...wanted }: Wanted<T>, signal: AbortSignal): Promise<T> {
    const path = `${this.#base}${wanted.path}`
    const token = await this.#token(signal)
    const headers = { authorization: `Bearer ${token}`, ...(accept !== undefined && { accept }) }
    const place = this.#client.place({ path })
    const answer = await this.#client.ask({ path, headers }, signal)
    try {
      if (answer.status === 404 && 'absent' in wanted && saysNotFound(answer)) return wanted.absent as T
      if (answer.status === 403 && 'forbidden' in wanted) return wanted.forbidden as T
      if (answer.status !== 200) {
        throw statusFailure(place, about, answer, token, this.#context.clock.wall())
      }
      checkComplete(answer)
      return parse(answer.body)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      const words = `the answer cannot be read: ${error.message}.`
      throw new ProviderError('unavailable', error.reason, `${place}: ${words}`)
    } finally {
      answer.body.fill(0)
    }
  }

  /** Nobody knows how long a file takes that lies elsewhere. */
  async #token(signal: AbortSignal): Promise<string> {
    const { timeout, token: source } = this.#config
    const unavailable = (reason: 'timeout' | 'aborted', words: string): ProviderError =>
      new ProviderError('unavailable', reason, `${this.place}: token, from ${source.describe()}: ${words}.`)
    const read = await withDeadline(
      {
        clock: this.#context.clock,
        timeout,
        signal,
        onTimeout: () => unavailable('timeout', `it could not be read within ${timeout} ms`),
        onAbort: () => unavailable('aborted', 'the request was given up'),
      },
      () => this.#client.read(source, 'token'),
    )
    const token = read.trim()
    if (tokenForm.test(token)) return token
    const words = `token, from ${source.describe()}, holds what no bearer token can.`
    throw new ProviderError('unavailable', 'credential', `${this.place}: ${words}`)
  }
}

/** A body that ends with the connection looks complete wherever it was cut off. Throws `Malformed`. */
function checkComplete({ headers }: Answer): void {
  if (!headers.has('content-length') && !headers.has('transfer-encoding')) {
    throw new Malformed('it has neither Content-Length nor chunks, so nobody can tell whether it is complete')
  }
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    throw new Malformed('it is compressed, although "Accept-Encoding: identity" was sent')
  }
}

/**
 * Narrows a list (RFC 7644, section 3.4.2.2). Titles in which something would have to be escaped are looked for in the
 * whole list: how a server takes escapes is documented nowhere, and a title that is not found is a secret that is lost.
 */
function filter(by: 'name' | 'title', text: string | undefined): string {
  if (text === undefined || /["\\]|\p{Cc}/u.test(text)) return ''
  return `?filter=${encodeURIComponent(`${by} eq "${text}"`)}`
}
