/**
 * Certificates made when a test needs them: an authority and server certificates for loopback, also expired ones and
 * ones for another name. X.509 in DER (RFC 5280) with node:crypto, so that the tests need nothing but npm.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

export interface ServerCertificate {
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export interface ServerCertificateOptions {
  /** Host names and IPv4 addresses that the certificate is for. Default: 127.0.0.1 and localhost. */
  readonly names?: readonly string[]
  /** True for one whose time is over. */
  readonly expired?: boolean
}

export interface Authority {
  /** The authority's own certificate, PEM. */
  readonly ca: string
  issue(options?: ServerCertificateOptions): ServerCertificate
}

const day = 24 * 60 * 60 * 1000

export function createAuthority(name = 'Sidekeep test authority'): Authority {
  const { privateKey, publicKey } = newKey()
  const ca = certificate({
    subject: name,
    issuer: name,
    publicKey,
    signer: privateKey,
    from: Date.now() - 2 * day,
    to: Date.now() + 2 * day,
    extensions: [
      extension(oids.basicConstraints, true, sequence(boolean(true))),
      extension(oids.keyUsage, true, bitString(Buffer.from([0x06]), 1)),
    ],
  })
  return {
    ca,
    issue({ names = ['127.0.0.1', 'localhost'], expired = false } = {}) {
      const server = newKey()
      const cert = certificate({
        subject: names[0] ?? '',
        issuer: name,
        publicKey: server.publicKey,
        signer: privateKey,
        from: Date.now() - 2 * day,
        to: Date.now() + (expired ? -day : day),
        extensions: [extension(oids.subjectAltName, false, sequence(...names.map(generalName)))],
      })
      return { cert, key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
    },
  }
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

interface Certificate {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
  readonly extensions: readonly Buffer[]
}

const oids = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  subjectAltName: [0x55, 0x1d, 0x11],
} as const

function certificate(options: Certificate): string {
  const algorithm = sequence(oid(oids.ecdsaWithSha256))
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    // A leading 0x01 keeps the number positive and its encoding minimal.
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(options.issuer),
    sequence(time(options.from), time(options.to)),
    distinguishedName(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...options.extensions)),
  )
  const signature = sign('sha256', toBeSigned, options.signer)
  const der = sequence(toBeSigned, algorithm, bitString(signature))
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content])
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

function sequence(...items: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(items))
}

function oid(bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes))
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]))
}

function bitString(content: Buffer, unusedBits = 0): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unusedBits]), content]))
}

function distinguishedName(commonName: string): Buffer {
  const value = tagged(0x0c, Buffer.from(commonName))
  return sequence(tagged(0x31, sequence(oid(oids.commonName), value)))
}

/** UTCTime, good until 2049 (RFC 5280, section 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return tagged(0x17, Buffer.from(digits.slice(2)))
}

function extension(id: readonly number[], critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), tagged(0x04, value))
}

function generalName(name: string): Buffer {
  return isIP(name) === 4
    ? tagged(0x87, Buffer.from(name.split('.').map(Number)))
    : tagged(0x82, Buffer.from(name))
}
