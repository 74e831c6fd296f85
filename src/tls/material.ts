import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { CodedError } from '../errors.ts'
import type { TlsPlaces, TlsSecret, TlsSecrets } from './place.ts'
import { describePlace, isSecret, largest, readFile } from './place.ts'

/** What TLS is served with: parts that were read and fit each other. */
export interface Material {
  /** PEM, as they were read. */
  readonly cert: string
  readonly key: string
  readonly clientCa: string | undefined
  /** When the certificate ends, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** Why clients may refuse it all the same, in words. */
  readonly warning: string | undefined
  /** The same for the same content. */
  readonly digest: string
}

/** Nothing is wrong as yet: a secret has not been fetched, or is held no longer. */
export class NotHeld extends CodedError {}

type Part = keyof TlsPlaces

const parts: readonly Part[] = ['cert', 'key', 'clientCa']

/** For listeners whose certificates lie in files alone. */
export const noSecrets: TlsSecrets = { read: () => undefined, watch: () => () => {} }

/**
 * Reads what TLS is served with and holds it against each other.
 *
 * @param listener what the listener is called in the configuration
 * @throws SIDEKEEP_CERTIFICATE_INVALID, which names the place and what to do, and quotes nothing of it; as NotHeld where
 * nothing but a secret is missing
 */
export async function readMaterial(
  listener: string,
  places: TlsPlaces,
  now: number,
  secrets: TlsSecrets = noSecrets,
): Promise<Material> {
  const refuse = (what: string, remedy: string, cause?: unknown): never => {
    throw new CodedError('SIDEKEEP_CERTIFICATE_INVALID', [listener, what, remedy], { cause })
  }
  const texts = await textsOf(places, secrets, (part, what, cause) =>
    refuse(what, remedyOf(listener, part, places), cause),
  )
  const where = (part: Part): string => describePlace(places[part] ?? '')

  const [leaf] = texts.cert === undefined ? [] : certificatesIn(texts.cert)
  if (texts.cert !== undefined && leaf === undefined) {
    refuse(`${where('cert')} holds no certificate`, 'It wants PEM: -----BEGIN CERTIFICATE-----.')
  }
  const privateKey = texts.key === undefined ? undefined : keyIn(texts.key)
  if (texts.key !== undefined && privateKey === undefined) {
    refuse(
      `${where('key')} holds no private key that can be read`,
      'It wants PEM without a passphrase: -----BEGIN PRIVATE KEY-----.',
    )
  }
  if (texts.clientCa !== undefined && certificatesIn(texts.clientCa).length === 0) {
    refuse(
      `${where('clientCa')} holds no certificate`,
      'It wants those of the authorities of clients, in PEM.',
    )
  }
  for (const part of parts) {
    if (places[part] === undefined || texts[part] !== undefined) continue
    const what = `${where(part)} is not held, or is no text`
    throw new NotHeld('SIDEKEEP_CERTIFICATE_INVALID', [listener, what, remedyOf(listener, part, places)])
  }
  const { cert, key, clientCa } = texts
  if (cert === undefined || key === undefined || leaf === undefined || privateKey === undefined) {
    throw new Error('the configuration names no certificate, or no key')
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    refuse(
      `the key in ${where('key')} is not that of the certificate in ${where('cert')}`,
      'Put the two of one issue there; the own certificate comes before those that lead to its authority.',
    )
  }
  try {
    createSecureContext({ cert, key, ca: clientCa })
  } catch (error) {
    refuse(`${where('cert')} cannot be used`, 'The certificate or its key may be too weak for TLS.', error)
  }
  return {
    cert,
    key,
    clientCa,
    expiresAt: leaf.validToDate.getTime(),
    warning: warningOf(leaf, now),
    digest: createHash('sha256')
      .update(JSON.stringify([cert, key, clientCa]))
      .digest('hex'),
  }
}

/** What is at the places; nothing where a secret is not held. */
async function textsOf(
  places: TlsPlaces,
  secrets: TlsSecrets,
  refuse: (part: Part, what: string, cause?: unknown) => never,
): Promise<{ [part in Part]?: string | undefined }> {
  const texts: { [part in Part]?: string | undefined } = {}
  // Before anything that takes time: a rotation in between would bring the key of another certificate.
  for (const part of parts) {
    const place = places[part]
    if (!isSecret(place)) continue
    const text = secrets.read(place)
    if (text === undefined && lacksField(place, secrets)) {
      refuse(part, `${describePlace(place)} is not there: the value is no JSON, or has no such field`)
    }
    if (text !== undefined && text.length > largest) refuse(part, `${describePlace(place)} is too large`)
    texts[part] = text
  }
  for (const part of parts) {
    const place = places[part]
    if (place === undefined || isSecret(place)) continue
    try {
      texts[part] = await readFile(place)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'too large, or no file'
      refuse(part, `${place} cannot be read (${code})`, error)
    }
  }
  return texts
}

function lacksField({ secret, field }: TlsSecret, secrets: TlsSecrets): boolean {
  return field !== undefined && secrets.read({ secret }) !== undefined
}

function remedyOf(listener: string, part: Part, places: TlsPlaces): string {
  const place = places[part]
  const option = `${listener}.tls.${part}`
  return isSecret(place)
    ? `Check ${option}, and what the provider has: "sidekeep explain ${place.secret}".`
    : `Check ${option} and who may read the file.`
}

/** Those that can be read; none where one cannot be. */
function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return []
  }
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

function warningOf({ validFromDate, validToDate }: X509Certificate, now: number): string | undefined {
  if (validToDate.getTime() <= now) return `its time was over on ${validToDate.toISOString()}`
  if (validFromDate.getTime() > now) return `its time begins only on ${validFromDate.toISOString()}`
  return undefined
}
