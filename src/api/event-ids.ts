import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * The ids of events count all changes. Whoever may know of some secrets only would learn from them when something
 * happened to the others, and how often: to such a caller an id is a sealed one, of which no two are alike, and which
 * says nothing but to us. The key is that of the process, as a client may come back to another listener.
 */
const key = randomBytes(16)
const algorithm = 'aes-128-gcm'
const nonceLength = 12
const tagLength = 16
/** Longer than any id, in bytes: sealed ones are of one length, or it would tell how many digits the count has. */
const paddedLength = 32

/** An id that tells nothing, in characters that an HTTP header may have. */
export function sealed(id: string): string {
  const nonce = randomBytes(nonceLength)
  const cipher = createCipheriv(algorithm, key, nonce)
  const text = cipher.update(id.padEnd(paddedLength), 'latin1')
  return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** The id in a sealed one; undefined where it is none of this process. */
export function unsealed(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== nonceLength + paddedLength + tagLength) return undefined
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceLength), {
    authTagLength: tagLength,
  })
  decipher.setAuthTag(bytes.subarray(-tagLength))
  const padded = decipher.update(bytes.subarray(nonceLength, -tagLength), undefined, 'latin1')
  try {
    return (padded + decipher.final('latin1')).trimEnd()
  } catch {
    // Forged, or sealed by a process before this one.
    return undefined
  }
}
