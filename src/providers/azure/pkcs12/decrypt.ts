import { createDecipheriv } from 'node:crypto'
import { Malformed } from '../../shared/malformed.ts'
import { contentOf, type Element, numberOf, oidOf, partsOf, tags } from './der.ts'
import { type Budget, type Hash, pbkdf2Key, pkcs12Key } from './derive.ts'

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
/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, appendix C): what Windows makes. */
const pbeTripleDes = '1.2.840.113549.1.12.1.3'

/** Bytes. */
const desBlock = 8

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
  if (oid === pbeTripleDes) return await decryptTripleDes(parameters, encrypted, password, budget)
  throw unknownCipher()
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

async function decryptTripleDes(
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
  const key = await pkcs12Key(password, 'key', { ...common, length: 24 }, budget)
  const iv = await pkcs12Key(password, 'iv', { ...common, length: desBlock }, budget)
  return deciphered('des-ede3-cbc', key, iv, encrypted)
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
    throw new Malformed(
      'its PKCS#12 container cannot be opened without a password. Set certificates: unchanged for it',
    )
  } finally {
    key.fill(0)
  }
}

function unknownCipher(): Malformed {
  return new Malformed(
    'its PKCS#12 container is encrypted in a way that is not known here (AES and triple DES are). Have the certificate kept as PEM, or set certificates: unchanged',
  )
}
