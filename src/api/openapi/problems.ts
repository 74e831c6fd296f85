import type { Access } from '../../access/access.ts'
import type { ErrorCode } from '../../errors.ts'
import { errorTable } from '../../errors.ts'
import { problemUrn } from '../../problem.ts'
import type { Route } from '../routes/route.ts'

/** What any route may answer: the parser's errors, and our own. */
const everywhere: readonly ErrorCode[] = [
  'SIDEKEEP_REQUEST_INCOMPLETE',
  'SIDEKEEP_HEADERS_TOO_LARGE',
  'SIDEKEEP_INTERNAL',
]

/** What the door answers to anybody, in its order. */
const door: readonly ErrorCode[] = [
  'SIDEKEEP_TOO_MANY_CONNECTIONS',
  'SIDEKEEP_URL_TOO_LONG',
  'SIDEKEEP_REQUEST_TOO_LARGE',
  'SIDEKEEP_FORWARDED_REQUEST',
  'SIDEKEEP_BAD_REQUEST',
  'SIDEKEEP_HOST_NOT_ALLOWED',
  'SIDEKEEP_CROSS_SITE_REQUEST',
]

/** What it answers to those who do not bring what the listener wants. */
const unknownCaller: Readonly<Record<Access['wants'], readonly ErrorCode[]>> = {
  token: ['SIDEKEEP_TOKEN_REQUIRED', 'SIDEKEEP_TOKEN_INVALID'],
  header: ['SIDEKEEP_HEADER_REQUIRED'],
  nothing: [],
}

/** Every error that a route may answer on a listener that wants this. */
export function problemsOf(route: Route, wants: Access['wants']): ReadonlySet<ErrorCode> {
  return new Set([...atDoor(route, wants), ...route.problems, ...everywhere])
}

function atDoor({ skipsDoor, right, action }: Route, wants: Access['wants']): ErrorCode[] {
  if (skipsDoor) return []
  const codes = [...door, ...unknownCaller[wants]]
  if (right !== undefined) codes.push('SIDEKEEP_NOT_ALLOWED')
  codes.push('SIDEKEEP_RATE_LIMITED')
  if (action !== undefined) codes.push('SIDEKEEP_AUDIT_FAILED')
  return codes
}

export function byStatus(codes: ReadonlySet<ErrorCode>): Map<number, ErrorCode[]> {
  const grouped = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const status = errorTable[code].status ?? 500
    grouped.set(status, [...(grouped.get(status) ?? []), code])
  }
  return grouped
}

/** Those that carry Retry-After. */
const tellWhen: ReadonlySet<ErrorCode> = new Set([
  'SIDEKEEP_SECRET_NOT_LOADED',
  'SIDEKEEP_SECRET_EXPIRED',
  'SIDEKEEP_RATE_LIMITED',
  'SIDEKEEP_REFRESH_THROTTLED',
  'SIDEKEEP_TOO_MANY_CONNECTIONS',
  'SIDEKEEP_TOO_MANY_WAITERS',
  'SIDEKEEP_TOO_MANY_EVENT_STREAMS',
  'SIDEKEEP_AUDIT_FAILED',
])

/** The headers that an answer with one of these codes may carry, each with what it says. */
export function headersFor(status: number, codes: readonly ErrorCode[]): Record<string, string> {
  return {
    ...(status === 401 ? { 'WWW-Authenticate': 'What is wanted (RFC 9110, section 11.6.1).' } : {}),
    ...(codes.some((code) => tellWhen.has(code))
      ? { 'Retry-After': 'When to ask again, in whole seconds.' }
      : {}),
  }
}

export function examplesOf(codes: readonly ErrorCode[]): Record<string, { value: object }> {
  return Object.fromEntries(
    codes.map((code) => {
      const { title, status = 500, message } = errorTable[code]
      return [
        code,
        { value: { type: problemUrn(code), title, status, detail: message.replaceAll('%s', '…'), code } },
      ]
    }),
  )
}
