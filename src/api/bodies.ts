import type { IncomingMessage } from 'node:http'

/**
 * Whether the rest of a request is still to come. Node calls a request complete only after it has been handled, even one
 * that has no body, so the headers are asked whether it has (RFC 9112, section 6.3).
 */
export function isIncomplete({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
