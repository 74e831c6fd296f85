import { createHmac, timingSafeEqual } from 'node:crypto'
import { Malformed } from '../../shared/malformed.ts'
import { decrypt } from './decrypt.ts'
import {
  contentOf,
  type Element,
  insideOf,
  numberOf,
  oidOf,
  partsOf,
  readElement,
  tags,
  unreadable,
} from './der.ts'
import { Budget, type Hash, pkcs12Key } from './derive.ts'

/** What a container holds, in DER. */
export interface Contents {
  /** PKCS#8, not encrypted. */
  readonly keys: Buffer[]
  /** X.509. */
  readonly certificates: Buffer[]
}

/** A chain has three or four; they are put in order by comparing each with each. */
const mostCertificates = 50

const data = '1.2.840.113549.1.7.1'
const encryptedData = '1.2.840.113549.1.7.6'
/** Kinds of bags (RFC 7292, section 4.2). */
const keyBag = '1.2.840.113549.1.12.10.1.1'
const shroudedKeyBag = '1.2.840.113549.1.12.10.1.2'
const certBag = '1.2.840.113549.1.12.10.1.3'
const x509Certificate = '1.2.840.113549.1.9.22.1'

const digests: ReadonlyMap<string, Hash> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

const digestLengths: Readonly<Record<Hash, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** An empty password is hashed as its closing zero, and no password as nothing; which of the two, programs disagree. */
const passwords = [Buffer.alloc(2), Buffer.alloc(0)] as const

/**
 * Opens a PKCS#12 container (RFC 7292) that has no password, as Key Vault gives them. Whoever takes the contents
 * overwrites the keys. Rejects with `Malformed`.
 */
export async function openPkcs12(container: Buffer): Promise<Contents> {
  const [version, authSafe, macData] = partsOf(readElement(container))
  if (numberOf(version) !== 3) throw unreadable()
  const safe = dataOf(authSafe)
  const budget = new Budget()
  const password = await passwordOf(safe, macData, budget)
  const contents: Contents = { keys: [], certificates: [] }
  try {
    for (const part of partsOf(readElement(safe))) await readPart(part, password, contents, budget)
  } catch (error) {
    for (const key of contents.keys) key.fill(0)
    throw error
  }
  return contents
}

/** The content of a ContentInfo of the type `data`. */
function dataOf(contentInfo: Element | undefined): Buffer {
  const [type, content] = partsOf(contentInfo)
  if (oidOf(type) !== data) throw unreadable()
  return contentOf(insideOf(content), tags.octetString)
}

/** The empty password in the form that the container's own checksum is made with. */
async function passwordOf(safe: Buffer, macData: Element | undefined, budget: Budget): Promise<Buffer> {
  if (macData === undefined) return passwords[0]
  const [digestInfo, salt, count] = partsOf(macData)
  const [algorithm, digest] = partsOf(digestInfo)
  const hash = digests.get(oidOf(partsOf(algorithm)[0]))
  // A checksum of another kind (RFC 9579) protects nothing, where anybody knows the password.
  if (hash === undefined) return passwords[0]
  const expected = contentOf(digest, tags.octetString)
  const derivation = {
    hash,
    salt: contentOf(salt, tags.octetString),
    iterations: count === undefined ? 1 : numberOf(count),
    length: digestLengths[hash],
  }
  for (const password of passwords) {
    const key = await pkcs12Key(password, 'mac', derivation, budget)
    const found = createHmac(hash, key).update(safe).digest()
    if (found.length === expected.length && timingSafeEqual(found, expected)) return password
  }
  throw new Malformed('its PKCS#12 container has a password. Set certificates: unchanged for it')
}

async function readPart(part: Element, password: Buffer, contents: Contents, budget: Budget): Promise<void> {
  const [type, content] = partsOf(part)
  const kind = oidOf(type)
  if (kind === data) {
    await readBags(contentOf(insideOf(content), tags.octetString), password, contents, budget)
    return
  }
  // What is encrypted for a certificate rather than by a password cannot be opened by anybody here.
  if (kind !== encryptedData) throw unreadable()
  const [, info] = partsOf(insideOf(content))
  const [, algorithm, encrypted] = partsOf(info)
  const bags = await decrypt(algorithm, contentOf(encrypted, tags.zero), password, budget)
  try {
    await readBags(bags, password, contents, budget)
  } finally {
    bags.fill(0)
  }
}

/** What it takes is copied, since `bags` may be overwritten. Bags of other kinds (revocation lists, secrets) are left. */
async function readBags(
  bags: Buffer,
  password: Buffer,
  { keys, certificates }: Contents,
  budget: Budget,
): Promise<void> {
  for (const bag of partsOf(readElement(bags))) {
    const [id, value] = partsOf(bag)
    const kind = oidOf(id)
    if (kind === keyBag) keys.push(Buffer.from(insideOf(value).whole))
    else if (kind === shroudedKeyBag) {
      const [algorithm, encrypted] = partsOf(insideOf(value))
      keys.push(await decrypt(algorithm, contentOf(encrypted, tags.octetString), password, budget))
    } else if (kind === certBag) {
      const [type, certificate] = partsOf(insideOf(value))
      if (oidOf(type) !== x509Certificate) throw unreadable()
      if (certificates.length === mostCertificates) {
        throw new Malformed(
          `its PKCS#12 container holds more than ${mostCertificates} certificates`,
          'oversized',
        )
      }
      certificates.push(Buffer.from(contentOf(insideOf(certificate), tags.octetString)))
    }
  }
}
