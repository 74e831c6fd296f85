import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Of this process alone, and never told: what a token's digest is, nobody can compute who does not hold the key. */
const key = randomBytes(32)

/** What is kept of a token. All have the same length, whatever the token's. */
export type Digest = Buffer

/** HMAC-SHA256 (RFC 2104) under the process's own key. */
export function digestOf(token: string): Digest {
  return createHmac('sha256', key).update(token).digest()
}

/** A digest that no token has: what stands in the place of a token that is not there. */
export function nobodysDigest(): Digest {
  return randomBytes(32)
}

/** In a time that says nothing of where they differ. */
export function isSame(a: Digest, b: Digest): boolean {
  return timingSafeEqual(a, b)
}
