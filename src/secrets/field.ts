/**
 * A JSON value that fields are picked from: `password` is a member of the top-level object, `/db/password` a JSON Pointer
 * (RFC 6901), which also reaches into arrays. Only own members count, so `constructor` or `__proto__` finds nothing that
 * the value does not hold itself.
 */
export class JsonDocument {
  /** Undefined where the text is no JSON. */
  readonly #value: unknown
  /** Whether numbers have kept their spelling. */
  readonly #isExact: boolean

  constructor(text: string) {
    const { value, isExact } = parse(text)
    this.#value = value
    this.#isExact = isExact
  }

  /**
   * The text of a string as it is and anything else as JSON, numbers as they were spelt; undefined: no such field. Where
   * something in the value is nested too deep for numbers to keep their spelling, none is a field, nor is what holds one:
   * a secret that changed silently is worse than none.
   */
  pick(field: string): string | undefined {
    let value = this.#value
    for (const step of stepsOf(field)) {
      value = member(value, step)
      if (value === undefined) return undefined
    }
    return typeof value === 'string' ? value : written(value, this.#isExact)
  }
}

/** One field of a text that is JSON; undefined where there is none, or where the text is none. */
export function pickField(json: string, field: string): string | undefined {
  return new JsonDocument(json).pick(field)
}

/** Parses JSON so that numbers keep their spelling: a double would change 12345678901234567890 and 1.50. */
function parse(json: string): { readonly value: unknown; readonly isExact: boolean } {
  try {
    const value: unknown = JSON.parse(json, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value,
    )
    return { value, isExact: true }
  } catch (error) {
    // What is nested some thousand deep can be parsed, but not walked through.
    if (error instanceof RangeError) return { value: JSON.parse(json), isExact: false }
    return { value: undefined, isExact: true }
  }
}

/** A value as JSON; undefined where it is nested deeper than can be written, or holds a number that is not exact. */
function written(value: unknown, isExact: boolean): string | undefined {
  if (!isExact && holdsNumber(value)) return undefined
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Without recursion: it may be what is nested so deep. */
function holdsNumber(value: unknown): boolean {
  const rest = [value]
  while (rest.length > 0) {
    const next = rest.pop()
    if (typeof next === 'number') return true
    // Not all at once as arguments: there may be more of them than a function takes.
    if (typeof next === 'object' && next !== null) for (const part of Object.values(next)) rest.push(part)
  }
  return false
}

function stepsOf(field: string): string[] {
  if (!field.startsWith('/')) return [field]
  return field
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const arrayIndex = /^(0|[1-9][0-9]{0,9})$/

function member(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return arrayIndex.test(step) ? value[Number(step)] : undefined
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return undefined
  if (!Object.hasOwn(value, step)) return undefined
  return (value as Record<string, unknown>)[step]
}
