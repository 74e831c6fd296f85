import { createDecipheriv } from 'node:crypto'
import { Malformed } from '../../shared/malformed.ts'
import { contentOf, type Element, numberOf, oidOf, partsOf, tags } from './der.ts'
import { type Budget, type Hash, pbkdf2Key, pkcs12Key } from './derive.ts'
import { decryptRc2 } from './rc2.ts'

/** Pseudo-random functions of PBKDF2 (RFC 8018, appendix B.1.2). */
const prfs: ReadonlyMap<string, Hash> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
])

interface Cipher {
  readonly name: string
  /** Bytes. */
  readonly keyLength: number
}

const ciphers: ReadonlyMap<string, Cipher> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyLength: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyLength: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyLength: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyLength: 24 }],
])

const pbes2 = '1.2.840.113549.1.5.13'
const pbkdf2 = '1.2.840.113549.1.5.12'
interface OldScheme {
  /** Bytes. */
  readonly keyLength: number
  /** Undefined where it was not encrypted with this key. */
  readonly decipher: (key: Buffer, iv: Buffer, encrypted: Buffer) => Buffer | undefined
}

const tripleDes = (key: Buffer, iv: Buffer, encrypted: Buffer): Buffer =>
  deciphered('des-ede3-cbc', key, iv, encrypted)

/** PKCS#12's own schemes (RFC 7292, appendix C), which Windows uses to this day. */
const oldSchemes: ReadonlyMap<string, OldScheme> = new Map([
  ['1.2.840.113549.1.12.1.3', { keyLength: 24, decipher: tripleDes }],
  ['1.2.840.113549.1.12.1.5', { keyLength: 16, decipher: decryptRc2 }],
  ['1.2.840.113549.1.12.1.6', { keyLength: 5, decipher: decryptRc2 }],
])

/** Bytes of a block of triple DES and of RC2. */
const oldBlock = 8

/**
 * Decrypts what the empty password protects.
 *
 * @param algorithm the AlgorithmIdentifier
 * @param password the empty password as the container's own derivation takes it
 * Rejects with `Malformed`.
 */
export async function decrypt(
  algorithm: Element | undefined,
  encrypted: Buffer,
  password: Buffer,
  budget: Budget,
): Promise<Buffer> {
  const [id, parameters] = partsOf(algorithm)
  const oid = oidOf(id)
  if (oid === pbes2) return await decryptPbes2(parameters, encrypted, budget)
  const scheme = oldSchemes.get(oid)
  if (scheme === undefined) throw unknownCipher()
  return await decryptOld(scheme, parameters, encrypted, password, budget)
}

/** PBES2 (RFC 8018, section 6.2). */
async function decryptPbes2(
  parameters: Element | undefined,
  encrypted: Buffer,
  budget: Budget,
): Promise<Buffer> {
  const [derivation, scheme] = partsOf(parameters)
  const [kdf, kdfParameters] = partsOf(derivation)
  const [cipherId, iv] = partsOf(scheme)
  const cipher = ciphers.get(oidOf(cipherId))
  if (oidOf(kdf) !== pbkdf2 || cipher === undefined) throw unknownCipher()
  const [salt, iterations, ...optional] = partsOf(kdfParameters)
  // The length of the key may be left out, as the cipher has one; the function may, where it is HMAC with SHA-1.
  const prf = optional.find(({ tag }) => tag === tags.sequence)
  const hash = prf === undefined ? 'sha1' : prfs.get(oidOf(partsOf(prf)[0]))
  if (hash === undefined) throw unknownCipher()
  const key = await pbkdf2Key(
    {
      hash,
      salt: contentOf(salt, tags.octetString),
      iterations: numberOf(iterations),
      length: cipher.keyLength,
    },
    budget,
  )
  return deciphered(cipher.name, key, contentOf(iv, tags.octetString), encrypted)
}

async function decryptOld(
  { keyLength, decipher }: OldScheme,
  parameters: Element | undefined,
  encrypted: Buffer,
  password: Buffer,
  budget: Budget,
): Promise<Buffer> {
  const [saltElement, count] = partsOf(parameters)
  const common = {
    hash: 'sha1' as const,
    salt: contentOf(saltElement, tags.octetString),
    iterations: numberOf(count),
  }
  const key = await pkcs12Key(password, 'key', { ...common, length: keyLength }, budget)
  const iv = await pkcs12Key(password, 'iv', { ...common, length: oldBlock }, budget)
  const clear = decipher(key, iv, encrypted)
  if (clear === undefined) throw wrongKey()
  return clear
}

/** OpenSSL's own errors are not kept. The key is overwritten. */
function deciphered(cipher: string, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(cipher, key, iv)
    const first = decipher.update(encrypted)
    const whole = Buffer.concat([first, decipher.final()])
    first.fill(0)
    return whole
  } catch {
    throw wrongKey()
  } finally {
    key.fill(0)
  }
}

function wrongKey(): Malformed {
  return new Malformed(
    'its PKCS#12 container cannot be opened without a password. Set certificates: unchanged for it',
  )
}

function unknownCipher(): Malformed {
  return new Malformed(
    'its PKCS#12 container is encrypted in a way that is not known here (AES, triple DES and RC2 are). Have the certificate kept as PEM, or set certificates: unchanged',
  )
}
