/**
 * Durations, sizes and rates as people write them. Imports nothing, so that every room of the house may use it.
 * A parser gives `undefined` for what it does not understand; the texts say what it would have understood.
 */

export const durationPattern = /^[0-9]+(?:ms|s|m|h|d)$/
export const durationExpected = 'a duration such as 500ms, 10s, 5m, 12h or 7d'

export const sizePattern = /^[0-9]+(?:B|KB|MB|GB|KiB|MiB|GiB)?$/
export const sizeExpected =
  'a size such as 64KiB or 16MiB (also B, KB, MB, GB, GiB, or a whole number of bytes)'

export const ratePattern = /^[0-9]+\/[smh]$/
export const rateExpected = 'a rate such as 100/s, 60/m or 1000/h'

/** Largest first: a number is written in the largest unit that divides it. */
const durationUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

const sizeUnits = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['GB', 1_000_000_000],
  ['MB', 1_000_000],
  ['KB', 1000],
  ['B', 1],
] as const

const rateUnits = [
  ['s', 1],
  ['m', 60],
  ['h', 3600],
] as const

type Units = readonly (readonly [unit: string, factor: number])[]

/** Milliseconds, or undefined where the text is no duration or leaves the whole numbers that are exact. */
export function parseDuration(text: string): number | undefined {
  return durationPattern.test(text) ? scaled(text, durationUnits) : undefined
}

/** Writes milliseconds (a whole number, 0 or more) in the largest unit that divides them. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0s' : written(ms, durationUnits)
}

/** Bytes, or undefined where the text is no size. A number without a unit is bytes. */
export function parseSize(text: string): number | undefined {
  return sizePattern.test(text) ? scaled(text, sizeUnits) : undefined
}

/** Writes bytes (a whole number, 0 or more) in the largest unit that divides them, binary units first. */
export function formatSize(bytes: number): string {
  return bytes === 0 ? '0B' : written(bytes, sizeUnits)
}

/** Events per second, mostly no whole number; undefined where the text is no rate or names no event at all. */
export function parseRate(text: string): number | undefined {
  if (!ratePattern.test(text)) return undefined
  const [digits = '', unit = ''] = text.split('/')
  const count = Number(digits)
  const seconds = factorOf(unit, rateUnits)
  return Number.isSafeInteger(count) && count > 0 && seconds !== undefined ? count / seconds : undefined
}

/** Writes events per second in the shortest period that holds a whole number of them. */
export function formatRate(perSecond: number): string {
  for (const [unit, seconds] of rateUnits) {
    const count = Math.round(perSecond * seconds)
    // Division is correctly rounded, so a rate that was read from this text comes back as the same number.
    if (count > 0 && count / seconds === perSecond) return `${count}/${unit}`
  }
  return `${Math.max(1, Math.round(perSecond * 3600))}/h`
}

function scaled(text: string, units: Units): number | undefined {
  const digits = /^[0-9]+/.exec(text)?.[0] ?? ''
  const unit = text.slice(digits.length)
  const factor = unit === '' ? 1 : factorOf(unit, units)
  if (factor === undefined) return undefined
  const value = Number(digits) * factor
  return Number.isSafeInteger(value) ? value : undefined
}

function factorOf(unit: string, units: Units): number | undefined {
  return units.find(([name]) => name === unit)?.[1]
}

function written(value: number, units: Units): string {
  const [unit, factor] = units.find(([, factor]) => value % factor === 0) ?? ['', 1]
  return `${value / factor}${unit}`
}
