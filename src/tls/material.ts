import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { constants, open } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { CodedError } from '../errors.ts'

/** Where the files are, as the configuration says it. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string | undefined
}

/** What TLS is served with: files that were read and fit each other. */
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

/** The largest file that is read, in bytes: a chain of certificates has a few KiB, a list of authorities some hundred. */
const largest = 1_048_576

/**
 * Reads what TLS is served with and holds it against each other.
 *
 * @param listener what the listener is called in the configuration
 * @throws SIDEKEEP_CERTIFICATE_INVALID, which names the file and what to do, and quotes nothing of it
 */
export async function readMaterial(listener: string, files: TlsFiles, now: number): Promise<Material> {
  const refuse = (what: string, remedy: string, cause?: unknown): never => {
    throw new CodedError('SIDEKEEP_CERTIFICATE_INVALID', [listener, what, remedy], { cause })
  }
  const read = async (option: keyof TlsFiles, file: string): Promise<string> => {
    try {
      return await textOf(file)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'too large, or no file'
      return refuse(
        `${file} cannot be read (${code})`,
        `Check ${listener}.tls.${option} and who may read the file.`,
        error,
      )
    }
  }
  const cert = await read('cert', files.cert)
  const key = await read('key', files.key)
  const clientCa = files.clientCa === undefined ? undefined : await read('clientCa', files.clientCa)

  const leaf =
    certificatesIn(cert)[0] ??
    refuse(`${files.cert} holds no certificate`, 'It wants PEM: -----BEGIN CERTIFICATE-----.')
  const privateKey =
    keyIn(key) ??
    refuse(
      `${files.key} holds no private key that can be read`,
      'It wants PEM without a passphrase: -----BEGIN PRIVATE KEY-----.',
    )
  if (!leaf.checkPrivateKey(privateKey)) {
    refuse(
      `the key in ${files.key} is not that of the certificate in ${files.cert}`,
      'Put the two files of one issue there; the own certificate comes first in its file.',
    )
  }
  if (clientCa !== undefined && certificatesIn(clientCa).length === 0) {
    refuse(`${files.clientCa} holds no certificate`, 'It wants those of the authorities of clients, in PEM.')
  }
  try {
    createSecureContext({ cert, key, ca: clientCa })
  } catch (error) {
    refuse(`${files.cert} cannot be used`, 'The certificate or its key may be too weak for TLS.', error)
  }
  const expiresAt = leaf.validToDate.getTime()
  return {
    cert,
    key,
    clientCa,
    expiresAt,
    warning: warningOf(leaf, now),
    digest: createHash('sha256')
      .update(JSON.stringify([cert, key, clientCa]))
      .digest('hex'),
  }
}

async function textOf(file: string): Promise<string> {
  // A named pipe that somebody put there would keep a thread waiting for whoever writes to it, for ever.
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  const stats = await handle.stat()
  if (!stats.isFile() || stats.size > largest) throw new Error('too large, or no file')
  return await handle.readFile('utf8')
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
