import { X509Certificate } from 'node:crypto'
import type { Lease } from '../../secrets/provider.ts'
import { jsonNumber } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Envelope, millisecondsOf } from './reply.ts'

/** After which part of its life another certificate is fetched: late enough to be of use, early enough for an outage. */
const replaceShare = 2 / 3

/** The lease that came with a dynamic secret, as Vault keeps it. */
export function keptLease({ leaseId, leaseMs, renewable }: Envelope): Lease | undefined {
  if (leaseId === '') return undefined
  return leaseMs === 0 ? undefined : { id: leaseId, durationMs: leaseMs, renewable }
}

/**
 * The lease of what a configured request brought: Vault's own, or else the life that the answer tells of, as that of a
 * certificate, which has no lease unless its role says `generate_lease`. The shorter one where both are told.
 *
 * @param wall milliseconds since the epoch when it was asked for
 * Throws `Malformed` for what is over already.
 */
export function requestedLease(envelope: Envelope, wall: number): Lease | undefined {
  const kept = keptLease(envelope)
  const life = lifeIn(envelope.data ?? {}, wall)
  const durationMs = Math.min(kept?.durationMs ?? Number.POSITIVE_INFINITY, life ?? Number.POSITIVE_INFINITY)
  if (durationMs === Number.POSITIVE_INFINITY) return undefined
  if (kept?.renewable === true) return { ...kept, durationMs }
  return { ...kept, durationMs, renewable: false, replaceAfterMs: durationMs * replaceShare }
}

/** Milliseconds that the data says it lives: `expiration` (seconds since the epoch), `ttl`, or a certificate itself. */
function lifeIn(data: Record<string, unknown>, wall: number): number | undefined {
  const expiration = jsonNumber(data.expiration)
  if (expiration !== undefined && expiration > 0) return until(expiration * 1000, wall)
  const ttl = timeToLive(data.ttl)
  if (ttl > 0) return ttl
  if (typeof data.certificate !== 'string' || typeof data.private_key !== 'string') return undefined
  try {
    return until(new X509Certificate(data.certificate).validToDate.getTime(), wall)
  } catch (error) {
    if (error instanceof Malformed) throw error
    return undefined
  }
}

function until(end: number, wall: number): number | undefined {
  if (!Number.isFinite(end)) return undefined
  if (end <= wall) {
    throw new Malformed("what it holds is over already, by this machine's clock. Compare the clocks")
  }
  return end - wall
}

/** Milliseconds of `3600` or `"1h30m"`, as Go writes durations; 0 for anything else. */
export function timeToLive(ttl: unknown): number {
  if (typeof ttl !== 'string') return millisecondsOf(ttl)
  if (/^\d{1,12}$/.test(ttl)) return Number(ttl) * 1000
  const [, hours, minutes, seconds] = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(ttl) ?? []
  return ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * 1000
}
