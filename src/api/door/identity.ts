import type { IncomingHttpHeaders } from 'node:http'
import type { Access } from '../../access/access.ts'
import { CodedError } from '../../errors.ts'
import type { Check } from './check.ts'
import type { Slowing } from './slowing.ts'
import { tokenSent } from './token-sent.ts'

/** Who asks: from here on `request.caller` says it. */
export function identified(access: Access, slowing: Slowing): Check {
  return (request) => {
    const { wants } = access
    if (wants === 'token') {
      const token = tokenSent(request.raw)
      if (token instanceof CodedError) return token
      if (token === undefined) return new CodedError('SIDEKEEP_TOKEN_REQUIRED')
      const caller = access.identify(token)
      if (caller === undefined) return new CodedError('SIDEKEEP_TOKEN_INVALID')
      request.caller = caller
      slowing.forget(request.raw.socket)
      return undefined
    }
    if (wants === 'header' && !hasHeader(request.raw.headers))
      return new CodedError('SIDEKEEP_HEADER_REQUIRED')
    request.caller = access.anyone
    return undefined
  }
}

/** A forged request, from a page or through an application, can choose the address but not the headers. */
function hasHeader({ 'x-sidekeep-request': value }: IncomingHttpHeaders): boolean {
  return value === 'true' || (typeof value === 'string' && value.toLowerCase() === 'true')
}
