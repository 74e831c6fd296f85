import type { Clock } from '../../src/secrets/provider.ts'

/** Capabilities by path; a `*` at the end of a path stands for anything. */
export type Policy = Readonly<Record<string, readonly string[]>>

/** What every token may do unless it is made without: look itself up, renew and revoke itself, renew its leases. */
export const defaultPolicy: Policy = {
  'auth/token/lookup-self': ['read'],
  'auth/token/renew-self': ['update'],
  'auth/token/revoke-self': ['update'],
  'sys/leases/renew': ['update'],
}

export interface TokenSpec {
  /** Seconds; 0 for one that does not end. */
  readonly ttl?: number
  /** Seconds beyond which no renewal goes. */
  readonly maxTtl?: number
  readonly renewable?: boolean
  readonly policy?: Policy
  readonly isBatch?: boolean
  readonly withoutDefault?: boolean
}

export interface FakeToken {
  readonly id: string
  readonly policy: Policy
  readonly renewable: boolean
  readonly isBatch: boolean
  readonly ttl: number
  /** On the fake's clock, in milliseconds. */
  readonly bornAt: number
  readonly lastEnd: number
  endsAt: number
}

/** The tokens of a fake Vault, by its clock. */
export class FakeTokens {
  readonly #clock: Clock
  readonly #all = new Map<string, FakeToken>()
  #count = 0
  /** Called when a token is revoked: its leases go with it. */
  onEnded: (token: FakeToken) => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  make(spec: TokenSpec = {}): FakeToken {
    const { ttl = 3600, maxTtl = 0, renewable = ttl > 0, policy = {}, isBatch = false } = spec
    const bornAt = this.#clock.now()
    const token: FakeToken = {
      id: `CANARY-s.${++this.#count}-token`,
      policy: spec.withoutDefault ? policy : { ...defaultPolicy, ...policy },
      renewable: renewable && !isBatch,
      isBatch,
      ttl,
      bornAt,
      lastEnd: maxTtl === 0 ? Number.POSITIVE_INFINITY : bornAt + maxTtl * 1000,
      endsAt: ttl === 0 ? Number.POSITIVE_INFINITY : bornAt + ttl * 1000,
    }
    this.#all.set(token.id, token)
    return token
  }

  /** The token where it is alive. */
  alive(id: string | undefined): FakeToken | undefined {
    const token = this.#all.get(id ?? '')
    if (token === undefined || this.#clock.now() < token.endsAt) return token
    this.revoke(token)
    return undefined
  }

  revoke(token: FakeToken): void {
    if (this.#all.delete(token.id)) this.onEnded(token)
  }

  revokeAll(): void {
    for (const token of this.#all.values()) this.revoke(token)
  }

  /** @returns seconds that it lives from now on */
  renew(token: FakeToken, seconds: number): number {
    const now = this.#clock.now()
    token.endsAt = Math.min(now + seconds * 1000, token.lastEnd)
    return Math.floor((token.endsAt - now) / 1000)
  }

  /** Whole seconds that it still lives; 0 where it does not end. */
  left({ endsAt }: FakeToken): number {
    return endsAt === Number.POSITIVE_INFINITY ? 0 : Math.floor((endsAt - this.#clock.now()) / 1000)
  }

  get size(): number {
    return [...this.#all.keys()].filter((id) => this.alive(id) !== undefined).length
  }
}

/** What the longest path that fits permits. */
export function permits({ policy }: FakeToken, path: string, capability: string): boolean {
  const fitting = Object.keys(policy)
    .filter((rule) => (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : rule === path))
    .sort((a, b) => b.length - a.length)
  const [rule] = fitting
  return rule !== undefined && policy[rule]?.includes(capability) === true
}

/** Whether a token has a right to anything below a mount. */
export function reaches({ policy }: FakeToken, mount: string): boolean {
  return Object.entries(policy).some(
    ([rule, capabilities]) =>
      capabilities.length > 0 &&
      (rule.startsWith(mount) || (rule.endsWith('*') && mount.startsWith(rule.slice(0, -1)))),
  )
}
