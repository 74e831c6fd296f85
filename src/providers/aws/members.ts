import { Malformed } from '../shared/malformed.ts'

// The SDK says what type each member of an answer has, and hands over whatever came.

/** The objects of a list; none where it is absent. Throws `Malformed`. */
export function objectsOf<T extends object>(list: readonly T[] | undefined): readonly T[] {
  const found: unknown = list ?? []
  if (!Array.isArray(found) || !found.every((one) => typeof one === 'object' && one !== null)) {
    throw new Malformed('a member is no list of objects')
  }
  return list ?? []
}

/** A text that may be absent. Throws `Malformed`. */
export function textOf(text: string | undefined): string | undefined {
  if (text === undefined || text === null || typeof text === 'string') return text ?? undefined
  throw new Malformed('a member is no text')
}

/** The texts of a list; none where it is absent. Throws `Malformed`. */
export function textsOf(list: readonly string[] | undefined): readonly string[] {
  const found: unknown = list ?? []
  if (!Array.isArray(found) || !found.every((one) => typeof one === 'string')) {
    throw new Malformed('a member is no list of texts')
  }
  return list ?? []
}
