/** Largest first; a span is told in the largest unit that it has two of, so that it is never off by more than half. */
const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** Seconds as people say them: `12 s`, `7 min`, `36 h`. Rounded down; what is under a second keeps a digit. */
export function span(seconds: number): string {
  if (seconds > 0 && seconds < 1) return `${Math.max(0.1, Math.floor(seconds * 10) / 10)} s`
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1]
  return `${Math.floor(seconds / size)} ${unit}`
}

/** How long ago, from a time in RFC 3339. */
export function ago(time: string, now: number): string {
  return `${span(Math.max(0, now - Date.parse(time)) / 1_000)} ago`
}

/** When, from a time in RFC 3339: `in 12 s`, or `now` where it is due. */
export function ahead(time: string, now: number): string {
  const seconds = (Date.parse(time) - now) / 1_000
  return seconds > 0 ? `in ${span(seconds)}` : 'now'
}
