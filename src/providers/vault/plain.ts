import type { Clock, Fetched, Lease } from '../../secrets/provider.ts'
import type { Asked, Authorized, Granted } from './authorized.ts'
import { failureOf, missing, unavailable } from './failure.ts'
import type { HandedOut } from './handed-out.ts'
import { keptLease, requestedLease, timeToLive } from './lease.ts'
import type { Mount } from './mounts.ts'
import type { Envelope } from './reply.ts'
import { readable, secretOf } from './secret-data.ts'
import type { Token } from './token.ts'

export interface ConfiguredRequest {
  readonly path: string
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly body?: Record<string, unknown> | undefined
}

/** Vault's own answers have the token near the top. */
const deepest = 8

/** How long a value lives, as far as the backend says. */
interface Life {
  readonly lease?: Lease
  readonly ttlMs?: number
}

/** What is read, or made, by one request, and has no versions: KV 1, dynamic secrets, certificates. */
export class Plain {
  readonly #authorized: Authorized
  readonly #clock: Clock
  readonly #handedOut: HandedOut

  constructor(authorized: Authorized, clock: Clock, handedOut: HandedOut) {
    this.#authorized = authorized
    this.#clock = clock
    this.#handedOut = handedOut
  }

  /**
   * Rejects with a ProviderError; brings `undefined` where there is no such path in the mount, and `versioned` where the
   * server says that the engine is of version 2.
   */
  async fetch(key: string, mount: Mount, signal: AbortSignal): Promise<Fetched | 'versioned' | undefined> {
    const granted = await this.#authorized.ask({ path: key, capabilities: ['read'] }, signal)
    const { reply } = granted
    if (reply.isOfVersionedEngine) return 'versioned'
    if (reply.isNothing) return undefined
    if (reply.isSuccess && holds(reply.envelope?.data, granted.token, 0)) {
      throw missing(reply.place, 'it holds the token in use, which is read only where requests names it.')
    }
    return this.#take(key, granted, ({ data, leaseMs, ...envelope }) => {
      const lease = keptLease({ data, leaseMs, ...envelope })
      if (lease !== undefined) return { lease }
      // Of KV 1 it is advice when to look again; of a static role the password lives for as long still.
      const ttlMs = mount.kv === 1 ? leaseMs : timeToLive(data?.ttl)
      return ttlMs > 0 ? { ttlMs } : {}
    })
  }

  /** A request of the configuration. Rejects with a ProviderError. */
  async request(
    key: string,
    { path, method, body }: ConfiguredRequest,
    signal: AbortSignal,
  ): Promise<Fetched> {
    const wall = this.#clock.wall()
    const asked: Asked = {
      path,
      method,
      capabilities: method === 'GET' ? ['read'] : ['create', 'update'],
      ...(body !== undefined && method !== 'GET' && { json: body }),
    }
    const granted = await this.#authorized.ask(asked, signal)
    const { reply } = granted
    if (reply.isNothing) {
      throw missing(reply.place, 'there is nothing at this path.')
    }
    return this.#take(key, granted, (envelope) => {
      const lease = requestedLease(envelope, wall)
      return lease === undefined ? {} : { lease }
    })
  }

  #take(key: string, { reply, token }: Granted, lifeOf: (envelope: Envelope) => Life): Fetched {
    const { place, envelope, askedAt } = reply
    if (!reply.isSuccess) throw failureOf(reply)
    const { leaseId: id, leaseMs } = envelope ?? { leaseId: '', leaseMs: 0 }
    const handOut = (durationMs: number): void => {
      if (id !== '') this.#handedOut.add(key, { id, durationMs, renewable: false }, token, askedAt)
    }
    // Also where the answer is of no further use: whoever got a lease is to give it back.
    handOut(leaseMs > 0 ? leaseMs : Number.POSITIVE_INFINITY)
    if (envelope?.data === undefined) throw unavailable(place, 'malformed', 'the answer holds no data.')
    const { data } = envelope
    const life = withToken(
      readable(place, () => lifeOf(envelope)),
      token,
      askedAt,
    )
    const value = secretOf(data, place)
    if (life.lease !== undefined) handOut(life.lease.durationMs)
    return { value, ...life }
  }
}

/** Whether the token is in it as a text of its own, wherever: no path of whatever kind hands it to callers. */
function holds(data: unknown, token: Token, depth: number): boolean {
  if (typeof data === 'string') return token.isText(data.trim())
  if (typeof data !== 'object' || data === null || depth > deepest) return false
  return Object.values(data).some((value) => holds(value, token, depth + 1))
}

/** A lease ends with its token; one that cannot be renewed has an end that is known. */
function withToken(life: Life, token: Token, askedAt: number): Life {
  const { lease } = life
  const left = token.endsAt - askedAt
  if (lease?.id === undefined || token.isRenewable || left >= lease.durationMs) return life
  const { replaceAfterMs, ...rest } = lease
  const soon = replaceAfterMs !== undefined && replaceAfterMs < left ? { replaceAfterMs } : {}
  return { ...life, lease: { ...rest, ...soon, durationMs: left, renewable: false } }
}
