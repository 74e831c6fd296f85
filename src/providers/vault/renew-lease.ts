import type { Lease, ProviderError } from '../../secrets/provider.ts'
import type { Authorized } from './authorized.ts'
import { denied, failureOf, missing } from './failure.ts'
import type { HandedOut } from './handed-out.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'

const renewal = { method: 'POST', path: 'sys/leases/renew', capabilities: ['update'] } as const

/**
 * Makes a lease last longer: https://developer.hashicorp.com/vault/api-docs/system/leases#renew-lease
 *
 * Rejects with a ProviderError, *missing* or *denied* where the lease is over or can be renewed no more.
 */
export async function renewLease(
  { authorized, handedOut, session }: RenewalParts,
  { id, durationMs }: Lease,
  signal: AbortSignal,
): Promise<Lease> {
  const place = authorized.client.place(renewal)
  if (id === undefined) throw denied(place, 'what has no lease of Vault cannot be renewed.')
  const out = handedOut.get(id)
  if (out !== undefined && !session.isCurrent(out.token)) {
    throw missing(place, 'the lease ends with the login that it was got by, which is over.')
  }
  const increment = Math.ceil((out?.firstMs ?? durationMs) / 1000)
  const { reply } = await authorized.ask({ ...renewal, json: { lease_id: id, increment } }, signal)
  if (!reply.isSuccess) throw lostLease(reply, () => handedOut.isOver(id))
  const { leaseMs, renewable } = reply.envelope ?? { leaseMs: 0, renewable: false }
  if (leaseMs === 0) throw missing(place, 'the lease is over.')
  handedOut.renewed(id, leaseMs, reply.askedAt)
  return { id, durationMs: leaseMs, renewable }
}

export interface RenewalParts {
  readonly authorized: Authorized
  readonly handedOut: HandedOut
  readonly session: Session
}

function lostLease(reply: Reply, isOver: () => void): ProviderError {
  if (reply.status !== 400) return failureOf(reply)
  if (reply.says(/lease not found|lease expired|lease is expired/i)) {
    isOver()
    return missing(reply.place, 'the lease is over (400). Another credential is fetched.')
  }
  return denied(reply.place, 'the lease cannot be renewed any more (400). Another credential is fetched.')
}
