/** What the proxy tells the metrics. Never a path, a client or a key: labels must not grow with what clients send. */
export interface ProxyObserver {
  /**
   * A request is over. `status` is what the client was answered, 499 where it left before the answer had begun or
   * ended. `method` is whatever the client sent: whoever makes a label of it keeps to a fixed set.
   */
  answered(event: { method: string; status: number; durationMs: number }): void
  /** A limit was exceeded: the request was refused (`enforce`), or would have been (`shadow`). */
  limited(event: { limit: string; mode: 'enforce' | 'shadow' }): void
  /** The application's answer has begun, this long after it was asked. */
  upstreamAnswered(event: { durationMs: number }): void
  /** The application could not be asked, or broke off. */
  upstreamFailed(event: { reason: UpstreamFailure }): void
  /** A client and the application have agreed to speak another protocol. */
  upgraded(): void
  /** Bytes of a body, or of what is spoken after an upgrade, came from a client. */
  received(bytes: number): void
  /** The same towards a client. */
  sent(bytes: number): void
  /** The store of the limits could not be asked. */
  storeFailed(event: { reason: StoreFailure }): void
  /**
   * Where else to look at each scrape: a proxy that is being left counts with the one in its place.
   *
   * @returns what ends it
   */
  gauges(read: () => ProxyGauges): () => void
}

/** What there is at this moment. */
export interface ProxyGauges {
  /** Requests that are not over, those in the queue too. */
  readonly inFlight: number
  /** Requests that wait for their turn. */
  readonly queueDepth: number
  /** Keys that each limit remembers in this process. */
  readonly limitKeys: readonly { readonly limit: string; readonly keys: number }[]
}

/**
 * How the application failed: no connection, none in time, no head of an answer in time, a pause in a body that was too
 * long, more time in all than `timeouts.request`, a connection that ended too early, something that is not HTTP.
 */
export type UpstreamFailure =
  | 'connect'
  | 'connect_timeout'
  | 'headers_timeout'
  | 'idle_timeout'
  | 'request_timeout'
  | 'reset'
  | 'protocol'

/** All of them, for counters that are shown as 0 before the first failure. */
export const upstreamFailures: readonly UpstreamFailure[] = [
  'connect',
  'connect_timeout',
  'headers_timeout',
  'idle_timeout',
  'request_timeout',
  'reset',
  'protocol',
]

/** How the store of the limits failed: no connection, no answer in time, an error in place of one. */
export type StoreFailure = 'unreachable' | 'timeout' | 'error'

export const storeFailures: readonly StoreFailure[] = ['unreachable', 'timeout', 'error']
