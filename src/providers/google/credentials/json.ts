import { utf8Text } from '../../shared/json.ts'
import { Malformed } from '../../shared/malformed.ts'

/** A body as JSON, overwritten when it has been read; undefined where it is none. A parser's error would quote it. */
export function jsonIn(body: Buffer): unknown {
  try {
    return parsed(utf8Text(body))
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  } finally {
    body.fill(0)
  }
}

/** A text as JSON; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
