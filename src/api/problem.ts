import { STATUS_CODES } from 'node:http'
import type { CodedError } from '../errors.ts'

export const problemType = 'application/problem+json'

/** A problem document (RFC 9457). */
export interface Problem {
  /** Names the kind of problem; not an address. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
}

/** An error as it is answered. */
export interface ProblemAnswer {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string
}

export function problemOf(error: CodedError): Problem {
  return {
    type: problemUrn(error.code),
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
  }
}

/** @param extra further headers, names and values in turn */
export function answerOf(error: CodedError, extra: readonly string[] = []): ProblemAnswer {
  const problem = problemOf(error)
  const body = JSON.stringify(problem)
  const headers = [
    'Content-Type',
    problemType,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    ...extra,
  ]
  if (error.retryAfterMs !== undefined) headers.push('Retry-After', retryAfter(error.retryAfterMs))
  // RFC 9110, section 15.5.2: a 401 says how to do better.
  if (problem.status === 401) headers.push('WWW-Authenticate', 'Sidekeep header="X-Sidekeep-Request"')
  return { status: problem.status, headers, body }
}

/** The whole response as bytes, for a socket whose request the parser could not make sense of. */
export function rawResponse(error: CodedError): string {
  const { status, headers, body } = answerOf(error, ['Connection', 'close'])
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`
  return `${head}\r\n${body}`
}

/** `SIDEKEEP_SECRET_NOT_FOUND` → `urn:sidekeep:problem:secret-not-found` */
export function problemUrn(code: string): string {
  return `urn:sidekeep:problem:${code.replace(/^SIDEKEEP_/, '').toLowerCase().replaceAll('_', '-')}`
}

/** Whole seconds (RFC 9110, section 10.2.3), rounded up: a caller that comes too early has come in vain. */
function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}
