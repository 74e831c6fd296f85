import { CodedError } from '../../errors.ts'
import type { Address } from './address.ts'

const unknownAuthority = 'its certificate is of no authority that is trusted here: name it with --ca'

/** Why there is no connection, in words; all else is told by its code. */
const reasons: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  EPROTO: 'whoever listens there speaks another protocol than HTTPS',
}

/** Nobody answered, or nobody who may be believed. */
export function unreachable({ text }: Address, error: NodeJS.ErrnoException): CodedError {
  const { code, message } = error
  const reason = code === undefined ? undefined : reasons[code]
  const what = reason === undefined ? (code ?? message) : `${reason} (${code})`
  return new CodedError('SIDEKEEP_UNREACHABLE', [text, what], { cause: error })
}
