import type { ErrorCode } from '../../errors.ts'

/** What a 401 says of how to do better (RFC 9110, section 11.6.1; RFC 6750, section 3); undefined for other errors. */
export function challengeOf(code: ErrorCode): string | undefined {
  switch (code) {
    case 'SIDEKEEP_HEADER_REQUIRED':
      return 'Sidekeep header="X-Sidekeep-Request"'
    case 'SIDEKEEP_TOKEN_REQUIRED':
      return 'Bearer realm="sidekeep"'
    case 'SIDEKEEP_TOKEN_INVALID':
      return 'Bearer realm="sidekeep", error="invalid_token"'
    default:
      return undefined
  }
}
