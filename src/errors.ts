/**
 * The one table of coded errors. A code is never reused and never changes its meaning: applications branch on it.
 * `%s` in a message is filled in order; what fills it is a name, a place or a remedy, never a secret's value.
 */
const table = {
  // What a caller of the API can meet. `status` is the HTTP status that goes with the code.
  SIDEKEEP_SECRET_NOT_FOUND: {
    status: 404,
    title: 'Secret not found',
    message: 'There is no secret named "%s" here: %s.',
  },
  SIDEKEEP_SECRET_NOT_LOADED: {
    status: 503,
    title: 'Secret not loaded yet',
    message: 'The secret "%s" has not been fetched yet (%s). Ask again after the time in Retry-After.',
  },
  SIDEKEEP_SECRET_EXPIRED: {
    status: 503,
    title: 'Secret expired',
    message:
      'The secret "%s" was last confirmed %s s ago, longer than its maxStale allows, and is no longer served. Its provider is being retried.',
  },
  SIDEKEEP_FIELD_NOT_FOUND: {
    status: 404,
    title: 'Field not found',
    message: 'The secret "%s" has no field "%s": its value is no JSON object, or has no such member.',
  },
  SIDEKEEP_REFRESH_FAILED: {
    status: 502,
    title: 'Refresh failed',
    message: 'The secret "%s" could not be fetched now: %s. A read without a refresh gets what is held.',
  },
  SIDEKEEP_REFRESH_THROTTLED: {
    status: 503,
    title: 'Refresh throttled by the provider',
    message:
      'The secret "%s" could not be fetched now: its provider asks for fewer calls (%s). Ask again after the time in Retry-After.',
  },
  SIDEKEEP_REFRESH_TIMED_OUT: {
    status: 504,
    title: 'Refresh timed out',
    message: 'The secret "%s" could not be fetched in time: %s. A read without a refresh gets what is held.',
  },
  SIDEKEEP_ROUTE_NOT_FOUND: {
    status: 404,
    title: 'Route not found',
    message: 'There is nothing at %s. The api listener lists its routes at /openapi.json.',
  },
  SIDEKEEP_METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    message: '%s is not answered at this path; the header Allow lists what is.',
  },
  SIDEKEEP_BAD_REQUEST: { status: 400, title: 'Bad request', message: '%s' },
  SIDEKEEP_FORWARDED_REQUEST: {
    status: 400,
    title: 'Forwarded request refused',
    message:
      'The request carries the header %s, so a proxy relayed it. Secrets are served only to direct callers: ask from the same pod, without a proxy.',
  },
  SIDEKEEP_HOST_NOT_ALLOWED: {
    status: 421,
    title: 'Host not allowed',
    message:
      'The Host header names neither loopback nor a host of api.hosts. Ask http://127.0.0.1 or add the host to api.hosts.',
  },
  SIDEKEEP_HEADER_REQUIRED: {
    status: 401,
    title: 'Header required',
    message: 'Send the header "X-Sidekeep-Request: true": a forged request cannot set it.',
  },
  SIDEKEEP_CROSS_SITE_REQUEST: {
    status: 403,
    title: 'Cross-site request refused',
    message:
      'The request carries the header %s as a browser sends it for a web page of another origin. Secrets are not for web pages.',
  },
  SIDEKEEP_TOKEN_REQUIRED: {
    status: 401,
    title: 'Token required',
    message: 'Send a token, as "Authorization: Bearer TOKEN" or as "X-Sidekeep-Token: TOKEN".',
  },
  SIDEKEEP_TOKEN_INVALID: {
    status: 401,
    title: 'Token not valid',
    message:
      'The token is none that opens this listener. If it was replaced, read it again where it comes from.',
  },
  SIDEKEEP_NOT_ALLOWED: { status: 403, title: 'Not allowed', message: '%s' },
  SIDEKEEP_AUDIT_FAILED: {
    status: 503,
    title: 'Audit not possible',
    message:
      'Accesses are answered only when they can be recorded (audit.onFailure), and now they cannot be.',
  },
  SIDEKEEP_REQUEST_TOO_LARGE: {
    status: 413,
    title: 'Request too large',
    message: 'The body of the request is larger than %s bytes, which is more than is taken here.',
  },
  SIDEKEEP_URL_TOO_LONG: {
    status: 414,
    title: 'URL too long',
    message: 'The URL of the request is longer than %s bytes.',
  },
  SIDEKEEP_HEADERS_TOO_LARGE: {
    status: 431,
    title: 'Headers too large',
    message: 'The request line and the headers are together larger than %s bytes.',
  },
  SIDEKEEP_REQUEST_INCOMPLETE: {
    status: 408,
    title: 'Request incomplete',
    message: 'The request did not arrive in full within %s ms.',
  },
  SIDEKEEP_TOO_MANY_CONNECTIONS: {
    status: 503,
    title: 'Too many connections',
    message:
      'This listener answers requests on %s connections already, which is as many as it may. Try again, or raise api.maxConnections.',
  },
  SIDEKEEP_REQUEST_TIMED_OUT: {
    status: 503,
    title: 'Request timed out',
    message: 'The request was not answered within %s ms.',
  },
  SIDEKEEP_TOO_MANY_WAITERS: {
    status: 503,
    title: 'Too many callers wait',
    message:
      'As many callers as may (%s) wait for changes already. Ask without waiting, or raise %s. A single event stream (/v1/events) serves for many secrets.',
  },
  SIDEKEEP_TOO_MANY_EVENT_STREAMS: {
    status: 503,
    title: 'Too many event streams',
    message:
      'As many event streams as may be (%s) are open already. Share one for many secrets, or raise %s.',
  },
  SIDEKEEP_SHUTTING_DOWN: {
    status: 503,
    title: 'Shutting down',
    message: 'The sidecar is shutting down.',
  },
  // What a client of the proxy can meet. The application's own errors pass through and carry none of these codes.
  SIDEKEEP_UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'Application not reachable',
    message: 'The application behind this proxy cannot be connected to.',
  },
  SIDEKEEP_UPSTREAM_FAILED: {
    status: 502,
    title: 'Application failed to answer',
    message: 'The application behind this proxy ended the connection without a valid answer.',
  },
  SIDEKEEP_UPSTREAM_TIMEOUT: {
    status: 504,
    title: 'Application timed out',
    message: 'The application behind this proxy did not answer in time.',
  },
  SIDEKEEP_RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    message: 'The limit "%s" is used up. Ask again after the time in Retry-After.',
  },
  SIDEKEEP_LIMITS_UNAVAILABLE: {
    status: 503,
    title: 'Limits not available',
    message:
      'The limits of this proxy cannot be asked now, and without them no request passes (proxy.onStoreFailure). Ask again after the time in Retry-After.',
  },
  SIDEKEEP_PROXY_BUSY: {
    status: 503,
    title: 'Too many requests at once',
    message:
      'The application has as many requests as it is given at once, and no place in the queue came free. Ask again after the time in Retry-After.',
  },

  SIDEKEEP_INTERNAL: {
    status: 500,
    title: 'Internal error',
    message: 'Something went wrong inside the sidecar.',
  },

  // What ends the process. `exit` is the exit code, after sysexits.h where it has one.
  SIDEKEEP_CONFIG_INVALID: { exit: 78, title: 'Invalid configuration', message: '%s' },
  SIDEKEEP_CONFIG_NOT_FOUND: {
    exit: 78,
    title: 'No configuration',
    message:
      'No configuration was found: %s. Name a file with --config FILE, or set SIDEKEEP_URL and AUTH_TOKEN for the simplest case.',
  },
  SIDEKEEP_CREDENTIAL_UNREADABLE: {
    exit: 78,
    title: 'Credential not readable',
    message: '%s',
  },
  SIDEKEEP_CERTIFICATE_INVALID: {
    exit: 78,
    title: 'Certificate not usable',
    message: 'The listener "%s" cannot serve HTTPS: %s. %s',
  },
  SIDEKEEP_AUDIT_UNWRITABLE: {
    exit: 78,
    title: 'Audit not writable',
    message: 'The audit cannot be written to %s: %s. %s',
  },
  SIDEKEEP_FILE_UNWRITABLE: {
    title: 'File not writable',
    message: 'A file is not as the secrets that are held: %s. %s',
  },
  SIDEKEEP_FILE_UNFIT: {
    title: 'File cannot be made',
    message: 'The file %s cannot be made of its secrets: %s. %s',
  },
  SIDEKEEP_TOKEN_NOT_WRITTEN: {
    exit: 1,
    title: 'Token not written',
    message: 'The token cannot be written to %s: %s. %s',
  },
  SIDEKEEP_USAGE: { exit: 78, title: 'Wrong usage', message: '%s' },
  SIDEKEEP_LISTEN_FAILED: {
    exit: 1,
    title: 'Cannot listen',
    message: 'The listener "%s" cannot listen on %s: %s. %s',
  },
  SIDEKEEP_UNREACHABLE: {
    exit: 69,
    title: 'Sidecar not reachable',
    message: 'No sidecar answers at %s: %s. Is it running, and is --api (or SIDEKEEP_API) right?',
  },
  SIDEKEEP_WAIT_TIMED_OUT: {
    exit: 75,
    title: 'Timed out',
    message: 'The sidecar was not ready within %s: %s',
  },
  SIDEKEEP_SHUTDOWN_TIMED_OUT: {
    exit: 1,
    title: 'Shutdown timed out',
    message: 'Shutdown did not end within %s ms; still open: %s.',
  },
} as const satisfies Record<string, ErrorRow>

interface ErrorRow {
  readonly title: string
  readonly message: string
  /** HTTP status, where a caller of the API can meet the error. */
  readonly status?: number
  /** Exit code of the process, where the error ends a command. */
  readonly exit?: number
}

export type ErrorCode = keyof typeof table

/** Every code with its row, for the documentation and its test. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table

export interface CodedErrorOptions {
  cause?: unknown
  /** When asking again makes sense, in milliseconds from now; becomes Retry-After. */
  retryAfterMs?: number | undefined
}

/** An error of the table. Its message is safe to show to whoever may call the API and to log. */
export class CodedError extends Error {
  readonly code: ErrorCode
  /** What fills the message, so that a caller who knows a better remedy can say the rest again. */
  readonly args: readonly (string | number)[]
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, args: readonly (string | number)[] = [], options: CodedErrorOptions = {}) {
    super(format(table[code].message, args), 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'CodedError'
    this.code = code
    this.args = args
    this.retryAfterMs = options.retryAfterMs
  }

  get title(): string {
    return table[this.code].title
  }

  /** HTTP status; 500 for what was never meant to reach a caller. */
  get status(): number {
    return errorTable[this.code].status ?? 500
  }

  /** Exit code; 1 for what was never meant to end a command. */
  get exitCode(): number {
    return errorTable[this.code].exit ?? 1
  }
}

function format(message: string, args: readonly (string | number)[]): string {
  let next = 0
  return message.replaceAll('%s', () => String(args[next++] ?? ''))
}
