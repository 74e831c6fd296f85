import { CodedError } from '../../../errors.ts'
import type { StoreFailure } from '../../observer.ts'

/** Why Redis could not be asked: fit for the log, since nothing of what it or a library said is in here. */
export interface Failure {
  readonly reason: StoreFailure
  /** An error code of Redis or of Node, or one of ours below. */
  readonly code: string
  readonly remedy?: string
  /** Whether this connection is of no use any more. */
  readonly endsConnection: boolean
}

/** Thrown in here for what is known already. */
export class StoreError extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.code)
    this.failure = failure
  }
}

/** No answer within the time that a request waits. */
export const slow: Failure = { reason: 'timeout', code: 'SLOW', endsConnection: false }
/** No answer at all. */
export const unanswered: Failure = { reason: 'timeout', code: 'UNANSWERED', endsConnection: true }
export const connectionLost: Failure = {
  reason: 'unreachable',
  code: 'CONNECTION_LOST',
  endsConnection: true,
}
/** An answer that the script cannot give. */
export const misunderstood: Failure = { reason: 'error', code: 'UNEXPECTED_ANSWER', endsConnection: true }

/** Its password is not in the cache, or not yet. */
export const passwordMissing: Failure = {
  reason: 'unreachable',
  code: 'PASSWORD_MISSING',
  remedy: 'The secret of proxy.store.password is not served, or has no such field.',
  endsConnection: true,
}

/** Answers of Redis that say what is to be done. */
const remedies: Readonly<Record<string, string>> = {
  OOM: 'Its memory is full. Give it more (maxmemory), or give the limits a Redis of their own.',
  READONLY: 'It is a replica. proxy.store must name an address that leads to the primary.',
  NOAUTH: 'It wants a password: set proxy.store.password.',
  WRONGPASS: 'The password or the user is wrong. The next attempt uses what the password is then.',
  NOPERM:
    'The user may not do what is needed: +evalsha +eval +time +mget +set on the keys of proxy.store.prefix, +select for a database, +cluster for a cluster.',
  MOVED: 'It is a node of a cluster: set proxy.store.cluster.',
  MISCONF: 'It refuses writes because it cannot save them: see its own log.',
  BUSY: 'A script of somebody else keeps it busy.',
  CLUSTERDOWN: 'The cluster lacks nodes.',
  LOADING: 'It reads its data in, and will answer when that is done.',
  MASTERDOWN: 'It is a replica that has lost its primary.',
}

/** After these, another connection may lead to another server, or have other credentials. */
const ending = new Set(['READONLY', 'NOAUTH', 'WRONGPASS', 'NOPERM', 'MOVED', 'MASTERDOWN'])

const certificateRemedy =
  'Its certificate is not believed: see proxy.store.ca, and the name in proxy.store.url.'

export function failureOf(error: unknown): Failure {
  if (error instanceof StoreError) return error.failure
  // Its message names the place and a remedy, and is known not to have the value.
  if (error instanceof CodedError) return { ...passwordMissing, code: error.code, remedy: error.message }
  if (!(error instanceof Error)) return connectionLost
  if ('lastNodeError' in error) return failureOf(error.lastNodeError)
  if (error.name === 'ReplyError') return replied(error.message)
  const code = 'code' in error && isCode(error.code) ? error.code : connectionLost.code
  const isCertificate = /CERT|ISSUER|SIGNATURE|ALTNAME/.test(code)
  return { ...connectionLost, code, ...(isCertificate ? { remedy: certificateRemedy } : {}) }
}

/** An error reply begins with its code. Redis 6 wraps what a command of a script was answered into another error. */
function replied(message: string): Failure {
  const [first = ''] = message.split(/[ \r\n]/, 1)
  const inner = first === 'ERR' ? /: -([A-Z]{2,20}) /.exec(message)?.[1] : undefined
  const code = inner ?? (isCode(first) ? first : 'ERR')
  const remedy = remedies[code]
  return {
    reason: 'error',
    code,
    ...(remedy === undefined ? {} : { remedy }),
    endsConnection: ending.has(code),
  }
}

function isCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)
}
