import { STATUS_CODES } from 'node:http'
import type { CodedError } from './errors.ts'

export const problemType = 'application/problem+json'

/** A problem document (RFC 9457). */
export interface Problem {
  /** Names the kind of problem; not an address of ours. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
}

/** What a problem document says beside what the error itself knows. */
export interface ProblemExtras {
  /** A registered problem type, in place of our own. */
  readonly type?: string
  /** Extension members (RFC 9457, section 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
}

/** An error as it is answered. */
export interface ProblemAnswer {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: string
}

export function problemOf(error: CodedError, extras: ProblemExtras = {}): Problem {
  return {
    type: extras.type ?? problemUrn(error.code),
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    ...extras.members,
  }
}

/** @param headers further headers, names and values in turn */
export function answerOf(
  error: CodedError,
  headers: readonly string[] = [],
  extras: ProblemExtras = {},
): ProblemAnswer {
  const problem = problemOf(error, extras)
  const body = JSON.stringify(problem)
  const all = [
    'Content-Type',
    problemType,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    ...headers,
  ]
  if (error.retryAfterMs !== undefined) all.push('Retry-After', retryAfter(error.retryAfterMs))
  return { status: problem.status, headers: all, body }
}

/**
 * The whole response as bytes, for a socket whose request the parser could not make sense of. It ends the connection.
 *
 * @param headers further headers, names and values in turn
 */
export function rawResponse(error: CodedError, headers: readonly string[] = []): string {
  const answer = answerOf(error, [...headers, 'Connection', 'close'])
  let head = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n`
  for (let at = 0; at < answer.headers.length; at += 2) {
    head += `${answer.headers[at]}: ${answer.headers[at + 1]}\r\n`
  }
  return `${head}\r\n${answer.body}`
}

/** `SIDEKEEP_SECRET_NOT_FOUND` → `urn:sidekeep:problem:secret-not-found` */
export function problemUrn(code: string): string {
  return `urn:sidekeep:problem:${code
    .replace(/^SIDEKEEP_/, '')
    .toLowerCase()
    .replaceAll('_', '-')}`
}

/** Whole seconds (RFC 9110, section 10.2.3), rounded up: a caller that comes too early has come in vain. */
function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}
