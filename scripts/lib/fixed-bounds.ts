/** The bounds that are no options, for docs/configuration.md. A test finds each of them in the source. */

export interface FixedBound {
  readonly of: string
  readonly bound: string
  readonly beyond: string
  /** Where the source has it, and as what: the declaration of a constant, without `const`. */
  readonly file: string
  readonly constant: string
}

export const fixedBounds: readonly FixedBound[] = [
  {
    of: "lines of the audit for requests of a listener that were not let in and are no caller's",
    bound: '100, and 10 a second',
    beyond: 'they are counted, and the next line says how many',
    file: 'src/api/recording.ts',
    constant: 'strangers = { burst: 100, perSecond: 10 }',
  },
  {
    of: 'the body of a request to `api` or `ops`',
    bound: '1 KiB',
    beyond: '413 `SIDEKEEP_REQUEST_TOO_LARGE`',
    file: 'src/api/server-options.ts',
    constant: 'bodyLimit = 1_024',
  },
  {
    of: 'its request line and headers',
    bound: '16 KiB',
    beyond: '431 `SIDEKEEP_HEADERS_TOO_LARGE`',
    file: 'src/api/server-options.ts',
    constant: 'maxHeaderSize = 16_384',
  },
  {
    of: 'the same of a request to `proxy`; its body is streamed, not kept',
    bound: '16 KiB',
    beyond: '431 `SIDEKEEP_HEADERS_TOO_LARGE`',
    file: 'src/proxy/listening.ts',
    constant: 'maxHeaderSize = 16_384',
  },
  {
    of: 'the time in which a request to `api` or `ops` arrives',
    bound: '10 s',
    beyond: '408 `SIDEKEEP_REQUEST_INCOMPLETE`',
    file: 'src/api/server-options.ts',
    constant: 'requestTimeout = 10_000',
  },
  {
    of: 'the pause between two requests of a connection there',
    bound: '5 s',
    beyond: 'it is closed',
    file: 'src/api/server-options.ts',
    constant: 'keepAliveTimeout = 5_000',
  },
  {
    of: 'requests that stand behind another one on their connection (pipelining)',
    bound: '32, and 64 KiB',
    beyond: 'the connection is closed',
    file: 'src/pipelines.ts',
    constant: 'mostBehind = 32',
  },
  {
    of: 'connections that are open beside the `api.maxConnections` that may be worked for',
    bound: 'a quarter of it, at least 64',
    beyond: 'one that is not worked for makes room for the newest',
    file: 'src/api/connections.ts',
    constant: 'headroom = { percent: 25, least: 64 }',
  },
  {
    of: 'patterns that a stream of events may name (`?name=`); names without a `*` are not counted',
    bound: '32',
    beyond: '400 `SIDEKEEP_BAD_REQUEST`',
    file: 'src/api/name-filter.ts',
    constant: 'mostPatterns = 32',
  },
  {
    of: 'connections that wait to be accepted, on each listener, where the system allows as many',
    bound: '4,096',
    beyond: 'the system lets TCP try again, and refuses on a Unix socket',
    file: 'src/listener/backlog.ts',
    constant: 'backlog = 4_096',
  },
  {
    of: 'the time in which a caller takes nothing of an answer of `api` or `ops`',
    bound: '10 s',
    beyond: 'the connection is reset, up to 10 s later',
    file: 'src/api/reading-time.ts',
    constant: 'longestStall = 10_000',
  },
  {
    of: 'the time in which such an answer is read in all; an event stream has no end, and a wait no answer yet',
    bound: '60 s',
    beyond: 'the connection is reset',
    file: 'src/api/reading-time.ts',
    constant: 'longestRead = 60_000',
  },
  {
    of: 'what waits in memory for all readers of a listener together',
    bound: '64 MiB',
    beyond: 'those who have read for longest, and for more than a second, are cut',
    file: 'src/api/crowds.ts',
    constant: 'mostUnread = 64 * 1_048_576',
  },
  {
    of: 'connections kept by event streams and by callers who wait',
    bound: 'three quarters of `api.maxConnections`, at least 1',
    beyond: '503 `SIDEKEEP_TOO_MANY_WAITERS` or `SIDEKEEP_TOO_MANY_EVENT_STREAMS`',
    file: 'src/api/kept-connections.ts',
    constant: 'share = 3 / 4',
  },
  {
    of: 'callers, over all listeners of the API',
    bound: '1,000',
    beyond: 'the configuration is refused',
    file: 'src/config/checks/callers.ts',
    constant: 'mostCallers = 1_000',
  },
  {
    of: 'tokens of a caller',
    bound: '8',
    beyond: 'the configuration is refused',
    file: 'src/config/schema/callers.ts',
    constant: 'mostTokens = 8',
  },
  {
    of: 'a token',
    bound: '4 KiB',
    beyond: 'the configuration is refused',
    file: 'src/config/token-strength.ts',
    constant: 'longestToken = 4_096',
  },
  {
    of: 'further listeners of the API',
    bound: '64',
    beyond: 'the configuration is refused',
    file: 'src/config/schema/listeners.ts',
    constant: 'mostListeners = 64',
  },
  {
    of: 'what waits for the reader of an event stream',
    bound: '64 KiB',
    beyond: 'it is cut off, and may come back and resume',
    file: 'src/api/event-stream.ts',
    constant: 'mostUnsent = 65_536',
  },
  {
    of: 'secrets of which it is remembered that a version was reported as rejected',
    bound: '1,000',
    beyond: 'the one reported longest ago is forgotten, which costs a call more',
    file: 'src/secrets/rejections.ts',
    constant: 'maxRemembered = 1_000',
  },
  {
    of: 'calls whose outcome is kept for whoever wants the same again',
    bound: 'those of the last second',
    beyond: 'it is forgotten',
    file: 'src/secrets/last-calls.ts',
    constant: 'callPause = 1_000',
  },
  {
    of: 'fields of a secret that are kept ready to be sent',
    bound: '32',
    beyond: 'a further one is made anew for each request',
    file: 'src/secrets/rendition.ts',
    constant: 'maxPreparedFields = 32',
  },
  {
    of: 'what each pattern secret counts for in `cache.maxBytes` beside its value',
    bound: '1 KiB',
    beyond: '',
    file: 'src/secrets/discovered.ts',
    constant: 'entryOverhead = 1_024',
  },
  {
    of: 'one call to a provider, whatever its own `timeout` is',
    bound: '6 min',
    beyond: 'it is given up',
    file: 'src/secrets/calls.ts',
    constant: 'callDeadline = 6 * 60_000',
  },
  {
    of: 'a Retry-After that is believed',
    bound: '1 h',
    beyond: 'it counts as that',
    file: 'src/secrets/backoff.ts',
    constant: 'longestRetryAfter = 60 * 60_000',
  },
  {
    of: 'how long a first fetch that a caller forces waits for its turn',
    bound: '10 s',
    beyond: 'it is given up',
    file: 'src/secrets/forced-calls.ts',
    constant: 'firstFetchPatience = 10_000',
  },
  {
    of: 'answers that an `http` provider keeps for conditional requests, beside `maxRemembered`',
    bound: '10,000',
    beyond: 'the oldest is forgotten, which costs a full answer',
    file: 'src/providers/http/conditional.ts',
    constant: 'maxEntries = 10_000',
  },
  {
    of: 'redirects that an `http` provider follows',
    bound: '3',
    beyond: 'the fetch fails (`redirect`)',
    file: 'src/providers/http/redirect.ts',
    constant: 'maxRedirects = 3',
  },
  {
    of: 'what is read of an answer that is an error',
    bound: '64 KiB',
    beyond: 'the connection is closed',
    file: 'src/providers/shared/http/exchange.ts',
    constant: 'discardable = 64 * 1024',
  },
  {
    of: 'pages of one list of `google-secret-manager`',
    bound: '1,000',
    beyond: 'the list fails (`oversized`)',
    file: 'src/providers/google/discovery.ts',
    constant: 'mostPages = 1_000',
  },
  {
    of: 'callers whom `@fastify/rate-limit` remembers for `api`',
    bound: '50,000',
    beyond: 'further ones share one budget until there is room',
    file: 'src/limits/tat-table.ts',
    constant: 'defaultCapacity = 50_000',
  },
  {
    of: 'the time in which the head of a request to `proxy` arrives',
    bound: '15 s',
    beyond: '408 `SIDEKEEP_REQUEST_INCOMPLETE`',
    file: 'src/proxy/listening.ts',
    constant: 'headersTimeout = 15_000',
  },
  {
    of: 'the pause between two requests of a connection there',
    bound: '75 s',
    beyond: 'it is closed',
    file: 'src/proxy/listening.ts',
    constant: 'keepAliveTimeout = 75_000',
  },
  {
    of: 'the time for which the rest of a body that nobody wants is read there',
    bound: '2 s',
    beyond: 'the connection is closed',
    file: 'src/proxy/linger.ts',
    constant: 'lingerTime = 2_000',
  },
  {
    of: 'the path in a line of the access log, in characters',
    bound: '512',
    beyond: 'the rest is left out',
    file: 'src/proxy/access-log.ts',
    constant: 'longestPath = 512',
  },
  {
    of: 'the log while nobody reads it',
    bound: '1 MiB',
    beyond: 'lines are dropped, and counted in the next one',
    file: 'src/observability/log.ts',
    constant: 'maxWaiting = 1024 * 1024',
  },
  {
    of: 'names of secrets in one line of the log about a call',
    bound: '10',
    beyond: 'the first ones stand for all',
    file: 'src/secrets/tidings.ts',
    constant: 'namesInEvents = 10',
  },
  {
    of: 'names of one kind in a line about a changed configuration',
    bound: '20',
    beyond: 'the first ones stand for all',
    file: 'src/reload/summary.ts',
    constant: 'mostNamed = 20',
  },
  {
    of: 'the configuration file',
    bound: '1 MiB',
    beyond: 'it is refused',
    file: 'src/config/find.ts',
    constant: 'largestFile = 1024 * 1024',
  },
  {
    of: 'what its aliases may make of it',
    bound: '200,000 values',
    beyond: 'it is refused',
    file: 'src/config/document.ts',
    constant: 'mostNodes = 200_000',
  },
  {
    of: 'lines of the audit that wait to be written',
    bound: '1 MiB',
    beyond: 'they are lost, and counted',
    file: 'src/audit/writer.ts',
    constant: 'mostWaiting = 1024 * 1024',
  },
]

export function fixedBoundsText(): string {
  const rows = fixedBounds.map(({ of, bound, beyond }) => `| ${of} | ${bound} | ${beyond} |`)
  return `## Fixed bounds

What else is bounded, without an option, since nobody has to choose. What a circuit breaker knows of keys is bounded by the
few failures that open it, whatever callers ask for.

| of | bound | beyond it |
|---|---|---|
${rows.join('\n')}
`
}
