/** What the proxy tells the metrics. Never a path, a client or a key: labels must not grow with what clients send. */
export interface ProxyObserver {
  /**
   * A request is over. `status` is what the client was answered, 499 where it left before the answer had begun or
   * ended. `method` is whatever the client sent: whoever makes a label of it keeps to a fixed set.
   */
  answered(event: { method: string; status: number; durationMs: number }): void
  /** A limit was exceeded: the request was refused (`enforce`), or would have been (`shadow`). */
  limited(event: { limit: string; mode: 'enforce' | 'shadow' }): void
  /** The application could not be asked, or broke off. */
  upstreamFailed(event: { reason: UpstreamFailure }): void
}

/**
 * How the application failed: no connection, none in time, no head of an answer in time, a pause in an answer that was
 * too long, a connection that ended too early, something that is not HTTP.
 */
export type UpstreamFailure =
  | 'connect'
  | 'connect_timeout'
  | 'headers_timeout'
  | 'idle_timeout'
  | 'reset'
  | 'protocol'

/** All of them, for counters that are shown as 0 before the first failure. */
export const upstreamFailures: readonly UpstreamFailure[] = [
  'connect',
  'connect_timeout',
  'headers_timeout',
  'idle_timeout',
  'reset',
  'protocol',
]
