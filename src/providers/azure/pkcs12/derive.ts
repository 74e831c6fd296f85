import { createHash, pbkdf2 } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Malformed } from '../../shared/malformed.ts'

export type Hash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

/** What a derived key is for (RFC 7292, appendix B.3). */
export type Purpose = 'key' | 'iv' | 'mac'

const ids: Readonly<Record<Purpose, number>> = { key: 1, iv: 2, mac: 3 }

/** Bytes of a block of the hash; its output is shorter. */
const blocks: Readonly<Record<Hash, number>> = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 }

/** In one turn of the event loop, some milliseconds. */
const perTurn = 1024

/** How much deriving one container may cost: more than ten times what Windows and OpenSSL ask for; a second or so. */
const mostIterations = 200_000

/** Counts what a container costs, as whoever made it decides how often each key is hashed. */
export class Budget {
  #left = mostIterations

  /** Throws `Malformed`. */
  spend(iterations: number): void {
    this.#left -= iterations
    if (iterations < 1 || this.#left < 0) {
      throw new Malformed('its PKCS#12 container asks for more iterations than are sensible', 'oversized')
    }
  }
}

export interface Derivation {
  readonly hash: Hash
  readonly salt: Buffer
  readonly iterations: number
  /** Bytes. */
  readonly length: number
}

const derive = promisify(pbkdf2)

/** PBKDF2 (RFC 8018, section 5.2) of the empty password. */
export async function pbkdf2Key(
  { hash, salt, iterations, length }: Derivation,
  budget: Budget,
): Promise<Buffer> {
  budget.spend(iterations)
  return await derive('', salt, iterations, length, hash)
}

/** The key derivation of PKCS#12 (RFC 7292, appendix B.2). @param password as it is hashed: UTF-16 with its zero */
export async function pkcs12Key(
  password: Buffer,
  purpose: Purpose,
  { hash, salt, iterations, length }: Derivation,
  budget: Budget,
): Promise<Buffer> {
  const block = blocks[hash]
  const diversifier = Buffer.alloc(block, ids[purpose])
  const input = Buffer.concat([repeated(salt, block), repeated(password, block)])
  const parts: Buffer[] = []
  for (let have = 0; have < length; ) {
    budget.spend(iterations)
    const part = await hashed(hash, Buffer.concat([diversifier, input]), iterations)
    parts.push(part)
    have += part.length
    if (have < length) addToEach(input, repeated(part, block).subarray(0, block), block)
  }
  return Buffer.concat(parts).subarray(0, length)
}

async function hashed(hash: Hash, input: Buffer, iterations: number): Promise<Buffer> {
  let digest = createHash(hash).update(input).digest()
  for (let done = 1; done < iterations; done++) {
    digest = createHash(hash).update(digest).digest()
    if (done % perTurn === 0) await turn()
  }
  return digest
}

/** The text over and over, to whole blocks; nothing stays nothing. */
function repeated(text: Buffer, block: number): Buffer {
  return Buffer.alloc(Math.ceil(text.length / block) * block, text)
}

/** To each block of the input adds the other and one, as numbers without what overflows. */
function addToEach(input: Buffer, other: Buffer, block: number): void {
  for (let start = 0; start < input.length; start += block) {
    let carry = 1
    for (let at = block - 1; at >= 0; at--) {
      carry += (input[start + at] ?? 0) + (other[at] ?? 0)
      input[start + at] = carry & 0xff
      carry >>= 8
    }
  }
}
