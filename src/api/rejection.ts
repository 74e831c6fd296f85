/** The body of `POST /v1/rejected/{name}`. Details never quote it: what was sent by mistake may be a credential. */
import { CodedError } from '../errors.ts'

/** `application/json`, with or without parameters. */
const jsonType = /^application\/json[\t ]*(?:;|$)/i
const remedy = 'Send {"version": "…"}, the version that was refused, as the header Sidekeep-Version tells it.'

/** Why a content type is not JSON's; undefined where it is. */
export function notJson(contentType: string | undefined): CodedError | undefined {
  if (contentType !== undefined && jsonType.test(contentType.trim())) return undefined
  const what =
    contentType === undefined ? 'The header Content-Type is missing' : 'The body is of another type'
  return badRequest(`${what}: this route takes application/json. ${remedy}`)
}

/**
 * The version in a body.
 *
 * @param body the bytes as they were sent; anything else is none
 * @throws SIDEKEEP_BAD_REQUEST, which says what is wrong and what to send
 */
export function rejectedVersion(body: unknown): string {
  if (!Buffer.isBuffer(body) || body.length === 0) throw badRequest(`The body is empty. ${remedy}`)
  const sent = parse(body)
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    throw badRequest(`The body is no JSON object. ${remedy}`)
  }
  if (!('version' in sent)) throw badRequest(`The body has no member "version". ${remedy}`)
  if (Object.keys(sent).length > 1)
    throw badRequest(`The body has members beside "version", which mean nothing here. ${remedy}`)
  if (typeof sent.version !== 'string' || sent.version === '') {
    throw badRequest(`The member "version" is no text, or an empty one. ${remedy}`)
  }
  return sent.version
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw badRequest(`The body is no JSON in UTF-8. ${remedy}`)
  }
}

function badRequest(detail: string): CodedError {
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}
