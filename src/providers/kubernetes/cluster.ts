import type { KubernetesProviderConfig } from '../../config/schema.ts'
import { type Clock, type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Access, Entrance } from './access/access.ts'
import { Clients } from './clients.ts'
import { isGone, type Question, refusal } from './refusal.ts'
import { followStream } from './watch/stream.ts'

/** Only what stands about an object, without its data. Servers that do not know it answer with the whole. */
const metadataOnly = (kind: string): string =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1, application/json`

export interface Request extends Question {
  /** What follows `?`. */
  readonly query?: Readonly<Record<string, string>>
  /** Whether the data of Secrets is wanted too. */
  readonly withData: boolean
}

/** The server no longer knows what a list or a watch was to go on from. */
export class Gone extends Error {}

/** What is asked of the API server, with the credential of the moment. */
export class Cluster {
  /** The provider's name. */
  readonly name: string
  isClosed = false
  readonly #entrance: Entrance
  readonly #clock: Clock
  readonly #timeout: number
  readonly #requests: Clients
  readonly #watches: Clients

  /**
   * @param connections how many requests may be under way at a time
   * @param watches how many watches, which have connections of their own: requests must not wait for one to end
   */
  constructor(
    entrance: Entrance,
    { timeout, maxBody }: Pick<KubernetesProviderConfig, 'timeout' | 'maxBody'>,
    { name, clock }: ProviderContext,
    { connections, watches }: { connections: number; watches: number },
  ) {
    this.#entrance = entrance
    this.name = name
    this.#clock = clock
    this.#timeout = timeout
    this.#requests = new Clients({ name, clock, timeout, maxBody, connections })
    this.#watches = new Clients({ name, clock, timeout, maxBody, connections: watches })
  }

  /**
   * What `read` makes of the answer, whose bytes are overwritten then. Rejects with a ProviderError, also where `read`
   * throws `Malformed`; and with `Gone` where the server says that.
   */
  async ask<T>(request: Request, read: (body: Buffer, place: string) => T, signal: AbortSignal): Promise<T> {
    return await this.#enter(signal, (access) =>
      this.#requests.use(access.endpoint, async (client) => {
        const asked = requestOf(request, access)
        const answer = await client.ask(asked, signal)
        try {
          return this.#read(request, access, client.place(asked), answer, read)
        } finally {
          answer.body.fill(0)
        }
      }),
    )
  }

  /**
   * Follows a watch until the server ends it in good order. Rejects with a ProviderError where it ends otherwise, and
   * with `Gone` where the server says that; what `onLine` throws ends it too.
   */
  async watch(request: Request, onLine: (line: Buffer) => void, signal: AbortSignal): Promise<void> {
    await this.#enter(signal, (access) =>
      this.#watches.use(access.endpoint, async (client) => {
        const asked = requestOf(request, access)
        const place = client.place(asked)
        const answer = await followStream(
          {
            place,
            path: asked.path,
            headers: { ...asked.headers, 'accept-encoding': 'identity', 'user-agent': 'sidekeep' },
            option: access.endpoint.option,
            timeout: this.#timeout,
            clock: this.#clock,
            lease: () => client.lease(place),
            onLine,
          },
          signal,
        )
        if (answer === undefined) return
        try {
          this.#read(request, access, place, answer, () => undefined)
        } finally {
          answer.body.fill(0)
        }
      }),
    )
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.#entrance.close()
    await Promise.all([this.#requests.close(), this.#watches.close()])
  }

  /** Goes the way to the API server, and a second time where another credential may be accepted. */
  async #enter<T>(signal: AbortSignal, go: (access: Access) => Promise<T>): Promise<T> {
    const access = await this.#access(signal)
    try {
      return await go(access)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (!this.#entrance.refused(access)) throw error.told
      return await go(await this.#access(signal)).catch((again: unknown) => {
        throw again instanceof Refused ? again.told : again
      })
    }
  }

  async #access(signal: AbortSignal): Promise<Access> {
    const place = `provider "${this.name}"`
    const timeout = this.#timeout + this.#entrance.patience
    return await withDeadline(
      {
        clock: this.#clock,
        timeout,
        signal,
        onTimeout: () => {
          const words = `the credentials could not be read within ${timeout} ms. Check the files that they are in.`
          return new ProviderError('unavailable', 'credential', `${place}: ${words}`)
        },
        onAbort: () => new ProviderError('unavailable', 'aborted', `${place}: the request was given up.`),
      },
      (inner) => this.#entrance.access(inner),
    )
  }

  #read<T>(
    request: Request,
    access: Access,
    place: string,
    answer: Answer,
    read: (body: Buffer, place: string) => T,
  ): T {
    // What a single object is asked for by has no history.
    if (request.verb !== 'get' && isGone(answer)) throw new Gone()
    if (answer.status !== 200) {
      const told = refusal({ ...request, ...access, place }, answer, this.#clock.wall())
      throw answer.status === 401 ? new Refused(told) : told
    }
    try {
      return read(answer.body, place)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw new ProviderError(
        'unavailable',
        error.reason,
        `${place}: the answer cannot be read: ${error.message}.`,
      )
    }
  }
}

/** 401, before it is known whether another credential can be had. */
class Refused extends Error {
  readonly told: ProviderError

  constructor(told: ProviderError) {
    super(told.message)
    this.told = told
  }
}

function requestOf(
  { name, verb, query, withData }: Request,
  { endpoint, namespace, token }: Access,
): { path: string; headers: Record<string, string> } {
  const search = new URLSearchParams(query).toString()
  const object = verb === 'get' && name !== undefined ? `/${encodeURIComponent(name)}` : ''
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata'
  return {
    path:
      `${endpoint.basePath}/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets${object}` +
      (search === '' ? '' : `?${search}`),
    headers: {
      accept: withData ? 'application/json' : metadataOnly(kind),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  }
}
