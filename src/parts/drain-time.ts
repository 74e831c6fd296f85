import type { Config } from '../config/schema.ts'
import type { Closing } from './listener.ts'

/** How much of the time for stopping requests under way to the application may take; the rest is for what comes after. */
const proxyShare = 0.8

/** How long requests under way to the application may take when their listener ends, in milliseconds. */
export function drainTime({ linger, timeout }: Config['shutdown']): number {
  return Math.max(0, timeout - linger) * proxyShare
}

/** How the proxy is closed when the sidecar stops. Who came in the last moment of the notice has time for an answer. */
export function lastClosing(shutdown: Config['shutdown']): Closing {
  const withinMs = drainTime(shutdown)
  return { withinMs, noticeMs: Math.min(shutdown.notice, withinMs / 2) }
}
