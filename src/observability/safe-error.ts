import { CodedError } from '../errors.ts'
import { ProviderError } from '../secrets/provider.ts'

/** What may be said of an error, whatever it is. */
export interface SafeError {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly stack?: string
}

/**
 * What may be logged of an error. Only the messages of our own errors and of the operating system's are known not to
 * quote data: those of a JSON parser, say, quote the text they could not parse. Of any other error only the kind and the
 * place are told. Causes are never followed.
 */
export function safeError(error: unknown): SafeError {
  if (!(error instanceof Error)) return { name: typeof error }
  const { name } = error
  if (error instanceof CodedError) return { name, code: error.code, message: error.message }
  if (error instanceof ProviderError) {
    return { name, code: `${error.kind}/${error.reason}`, message: error.message }
  }
  const code = 'code' in error && isCode(error.code) ? error.code : undefined
  const isSystemError = code !== undefined && 'syscall' in error
  const frames = framesOf(error)
  return {
    name,
    ...(code === undefined ? {} : { code }),
    ...(isSystemError ? { message: error.message } : {}),
    ...(frames === '' ? {} : { stack: frames }),
  }
}

/** A library may keep anything in `code`; what is told is an identifier. */
function isCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)
}

/** A stack begins with the message, whose lines may look like frames: nothing is taken where the two do not fit. */
function framesOf({ message, stack = '' }: Error): string {
  const header = stack.indexOf(message)
  if (header < 0 || (message === '' && stack.split('\n', 1)[0]?.includes(': '))) return ''
  return stack
    .slice(header + message.length)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
