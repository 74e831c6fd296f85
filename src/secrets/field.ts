/**
 * A JSON value that fields are picked from: `password` is a member of the top-level object, `/db/password` a JSON Pointer
 * (RFC 6901), which also reaches into arrays. Only own members count, so `constructor` or `__proto__` finds nothing that
 * the value does not hold itself.
 */
export class JsonDocument {
  /** Undefined where the text is no JSON. */
  readonly #value: unknown

  constructor(text: string) {
    try {
      this.#value = parse(text)
    } catch {
      this.#value = undefined
    }
  }

  /** The text of a string as it is and anything else as JSON, numbers as they were spelt; undefined: no such field. */
  pick(field: string): string | undefined {
    let value = this.#value
    for (const step of stepsOf(field)) {
      value = member(value, step)
      if (value === undefined) return undefined
    }
    return typeof value === 'string' ? value : JSON.stringify(value)
  }
}

/** One field of a text that is JSON; undefined where there is none, or where the text is none. */
export function pickField(json: string, field: string): string | undefined {
  return new JsonDocument(json).pick(field)
}

/** Parses JSON so that numbers keep their spelling: a double would change 12345678901234567890 and 1.50. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value,
    )
  } catch (error) {
    // What is nested a hundred thousand deep can be parsed, but not walked through.
    if (error instanceof RangeError) return JSON.parse(json)
    throw error
  }
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
