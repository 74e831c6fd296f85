import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { SecretValue } from '../../../secrets/secret.ts'
import { Malformed } from '../../shared/malformed.ts'
import { type Contents, openPkcs12 } from './container.ts'
import { unreadable } from './der.ts'

/**
 * The key and the chain of a PKCS#12 container in PEM, in the order in which Key Vault itself gives them as PEM: the
 * key, where it may be exported, its certificate, and those that it was issued by.
 *
 * @param text base64 (RFC 4648, section 4). Rejects with `Malformed`.
 */
export async function pemOfPkcs12(text: string): Promise<SecretValue> {
  const container = Buffer.from(text, 'base64')
  // Node's decoder skips what is no base64, and would make a shorter container of a broken one.
  if (container.toString('base64') !== text)
    throw new Malformed('its PKCS#12 container is not valid base64. Set certificates: unchanged for it')
  let contents: Contents | undefined
  try {
    contents = await openPkcs12(container)
    return SecretValue.fromText(pemOf(contents))
  } finally {
    container.fill(0)
    for (const key of contents?.keys ?? []) key.fill(0)
  }
}

function pemOf({ keys, certificates }: Contents): string {
  if (keys.length > 1)
    throw new Malformed('its PKCS#12 container holds several keys. Set certificates: unchanged for it')
  if (certificates.length === 0) throw new Malformed('its PKCS#12 container holds no certificate')
  const [key] = keys.map(keyOf)
  // One certificate may lie there twice: with its key, and in the chain.
  const all = new Map(certificates.map((der) => [der.toString('hex'), certificateOf(der)]))
  const chain = inOrder([...all.values()], key)
  const written = key === undefined ? '' : String(key.export({ type: 'pkcs8', format: 'pem' }))
  return written + chain.map(String).join('')
}

/** OpenSSL's own errors may quote what they stumbled over, so none is kept. */
function keyOf(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    throw unreadable()
  }
}

function certificateOf(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw unreadable()
  }
}

/** The key's own certificate, then each one's issuer; servers send them so (RFC 8446, section 4.4.2). */
function inOrder(certificates: readonly X509Certificate[], key: KeyObject | undefined): X509Certificate[] {
  const left = [...certificates]
  const isFirst = (certificate: X509Certificate): boolean =>
    key === undefined
      ? !certificates.some((other) => other !== certificate && other.checkIssued(certificate))
      : certificate.checkPrivateKey(key)
  const chain: X509Certificate[] = []
  for (let at = left.findIndex(isFirst); at !== -1; ) {
    const [next] = left.splice(at, 1)
    if (next === undefined) break
    chain.push(next)
    at = left.findIndex((other) => next.checkIssued(other))
  }
  // Without a key they may also have issued each other, and then none is the first.
  if (chain.length === 0 && key !== undefined) {
    throw new Malformed('its PKCS#12 container holds no certificate of its key')
  }
  return [...chain, ...left]
}
