/** The refresher takes no backend at its word for longer, and callers should hear when it really asks again. */
const longest = 60 * 60 * 1000

/** The three forms of a date in HTTP (RFC 9110, section 5.6.7); a recipient must accept all of them. */
const dates = [
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
]

/**
 * Milliseconds that a Retry-After asks us to wait (RFC 9110, section 10.2.3): seconds, or a date measured against
 * `wall`, milliseconds since the epoch on our clock. What lies in the past is 0, more than an hour is an hour, and
 * nonsense is undefined.
 */
export function retryAfterMs(header: string | undefined, wall: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^-?\d+$/.test(text)) return clamp(Number(text) * 1000)
  if (!dates.some((form) => form.test(text))) return undefined
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(at) ? undefined : clamp(at - wall)
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), longest)
}
