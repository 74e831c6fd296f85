import { CodedError } from '../../errors.ts'
import type { Connections } from '../connections.ts'
import { tooManyConnections } from '../refusals.ts'
import { bodyLimit } from '../server-options.ts'
import type { Check } from './check.ts'

/** Of a request's target, in bytes: a name is at most 256 bytes, percent-encoded 768; the rest is for queries. */
export const longestUrl = 8_192

export function withinConnections(connections: Connections): Check {
  return ({ raw }) => (connections.isBeyond(raw.socket) ? tooManyConnections(connections) : undefined)
}

export const withinUrl: Check = ({ raw }) => {
  if (raw.url === undefined || raw.url.length <= longestUrl) return undefined
  return new CodedError('SIDEKEEP_URL_TOO_LONG', [longestUrl])
}

export const withinBody: Check = ({ raw }) => {
  const length = raw.headers['content-length']
  if (length === undefined || Number(length) <= bodyLimit) return undefined
  return new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [bodyLimit])
}
