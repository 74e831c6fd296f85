import type { Clock } from '../../src/secrets/provider.ts'
import { envelope, type FakeAnswer, type FakeRequest, failed } from './fake-vault-answer.ts'
import type { FakeToken } from './fake-vault-tokens.ts'

export interface LeaseSpec {
  /** Seconds. */
  readonly ttl: number
  /** Seconds beyond which no renewal goes. */
  readonly maxTtl?: number
  readonly renewable: boolean
}

interface FakeLease {
  readonly token: FakeToken
  readonly renewable: boolean
  readonly lastEnd: number
  endsAt: number
}

/** The leases of a fake Vault. One ends with its token, whatever its own time is. */
export class FakeLeases {
  /** Ids of what was revoked, oldest first. */
  readonly revoked: string[] = []
  readonly #clock: Clock
  readonly #all = new Map<string, FakeLease>()
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  make(path: string, token: FakeToken, { ttl, maxTtl = 0, renewable }: LeaseSpec): string {
    const id = `${path}/CANARY-lease-${++this.#count}`
    const now = this.#clock.now()
    const lastEnd = maxTtl === 0 ? Number.POSITIVE_INFINITY : now + maxTtl * 1000
    this.#all.set(id, { token, renewable, lastEnd, endsAt: now + ttl * 1000 })
    return id
  }

  isAlive(id: string): boolean {
    const lease = this.#all.get(id)
    return lease !== undefined && this.#clock.now() < lease.endsAt
  }

  /** Ids of what is alive. */
  get alive(): string[] {
    return [...this.#all.keys()].filter((id) => this.isAlive(id))
  }

  endWith(token: FakeToken): void {
    for (const [id, lease] of this.#all) if (lease.token === token) this.revoke(id)
  }

  revoke(id: string): void {
    if (this.#all.delete(id)) this.revoked.push(id)
  }

  answer({ method, path, body }: FakeRequest): FakeAnswer {
    const id = body.lease_id
    if (method !== 'POST' && method !== 'PUT') return failed(405, 'unsupported operation')
    if (typeof id !== 'string' || id === '') return failed(400, 'lease_id must be specified')
    if (path === 'sys/leases/revoke') {
      this.revoke(id)
      return { status: 204 }
    }
    const lease = this.#all.get(id)
    if (lease === undefined || !this.isAlive(id)) return failed(400, 'lease not found')
    if (!lease.renewable) return failed(400, 'lease is not renewable')
    const increment = body.increment ?? 0
    if (typeof increment !== 'number' || !Number.isInteger(increment))
      return failed(400, 'error converting input')
    const now = this.#clock.now()
    lease.endsAt = Math.min(now + increment * 1000, lease.lastEnd)
    const lease_duration = Math.floor((lease.endsAt - now) / 1000)
    return envelope({ lease_id: id, renewable: true, lease_duration })
  }
}
