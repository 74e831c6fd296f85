/** Signature Version 4 from the side of the service: AWS General Reference, "Create a signed AWS API request". */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface AccessKey {
  readonly secret: string
  /** Of temporary credentials. */
  readonly token?: string
}

/** Milliseconds that the time of a request may be off. */
const tolerance = 5 * 60_000

const hash = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/**
 * The code that AWS refuses the request with, or undefined where it is signed as it has to be.
 *
 * @param now milliseconds since the epoch, by the clock of the service
 */
export function signatureProblem(
  request: IncomingMessage,
  body: Buffer,
  keys: ReadonlyMap<string, AccessKey>,
  now: number,
): string | undefined {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  if (parts === null) return 'MissingAuthenticationTokenException'
  const [, id = '', day = '', region = '', service = '', signed = '', signature = ''] = parts
  const key = keys.get(id)
  if (key === undefined || request.headers['x-amz-security-token'] !== key.token) {
    return 'UnrecognizedClientException'
  }
  const date = String(request.headers['x-amz-date'])
  const sentAt = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3:$4:$5Z'))
  if (!(Math.abs(sentAt - now) < tolerance) || !date.startsWith(day)) return 'InvalidSignatureException'
  const names = signed.split(';')
  const mustBeSigned = ['host', 'x-amz-date', ...(key.token === undefined ? [] : ['x-amz-security-token'])]
  if (mustBeSigned.some((name) => !names.includes(name))) return 'InvalidSignatureException'
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const headers = names.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`).join('')
  const canonical = [request.method, path, query, headers, signed, hash(body)].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n')
  const signingKey = [region, service, 'aws4_request'].reduce<Buffer>(
    (made, part) => hmac(made, part),
    hmac(`AWS4${key.secret}`, day),
  )
  const expected = hmac(signingKey, toSign)
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? undefined : 'InvalidSignatureException'
}
