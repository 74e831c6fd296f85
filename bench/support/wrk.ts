/** What wrk prints, read as numbers. Nothing here starts it. */

export interface WrkReport {
  /** Complete answers, whatever their status. */
  readonly requests: number
  /** As wrk measured them, not as they were asked for. */
  readonly seconds: number
  readonly requestsPerSecond: number
  /** Milliseconds; NaN where nothing was answered. */
  readonly p50: number
  readonly p99: number
  /** Answers that were neither 2xx nor 3xx. */
  readonly refused: number
  /** Connections that failed, and requests that took longer than 2 s. */
  readonly socketErrors: number
}

/** @param printed by wrk 4 with `--latency` */
export function parseWrk(printed: string): WrkReport {
  const [, requests, seconds, unit] = /(\d+) requests in ([\d.]+)(us|ms|s|m|h),/.exec(printed) ?? []
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(printed) ?? []
  return {
    requests: Number(requests),
    seconds: milliseconds(seconds, unit) / 1_000,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1]),
    p50: percentile(50, printed),
    p99: percentile(99, printed),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(printed)?.[1] ?? 0),
    socketErrors: sockets.slice(1).reduce((sum, count) => sum + Number(count), 0),
  }
}

function percentile(which: number, printed: string): number {
  const [, value, unit] = new RegExp(`^\\s+${which}%\\s+([\\d.]+)(us|ms|s|m|h)$`, 'm').exec(printed) ?? []
  return milliseconds(value, unit)
}

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

function milliseconds(value: string | undefined, unit = ''): number {
  return Number(value) * (units[unit] ?? Number.NaN)
}
