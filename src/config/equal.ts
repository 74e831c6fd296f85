import { StringSource } from './source.ts'

/** Whether two parts of configurations say the same. The order of keys says nothing, that of lists does. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (a instanceof StringSource || b instanceof StringSource) {
    return a instanceof StringSource && b instanceof StringSource && a.isWrittenAs(b)
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
  }
  if (!isMapping(a) || !isMapping(b)) return false
  // An option that is left out is one that is undefined.
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return keys.values().every((key) => isEqual(own(a, key), own(b, key)))
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A name such as `constructor` is there only where somebody wrote it. */
function own(mapping: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(mapping, key) ? mapping[key] : undefined
}
