/** Why requests were not let in. `not_allowed`: the caller may not do this, or not know of the secret. */
export type RefusedReason =
  | 'forwarded'
  | 'host'
  | 'cross_site'
  | 'header_required'
  | 'token_required'
  | 'token_invalid'
  | 'not_allowed'
  | 'rate_limited'

export const refusedReasons: readonly RefusedReason[] = [
  'forwarded',
  'host',
  'cross_site',
  'header_required',
  'token_required',
  'token_invalid',
  'not_allowed',
  'rate_limited',
]
