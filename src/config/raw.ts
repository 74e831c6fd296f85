import type { Position } from './locate.ts'
import type { Path, Problem } from './problems.ts'

/** A configuration as it was written, before the schema has seen it. */
export interface Raw {
  /** Plain objects, lists, strings, numbers, booleans and nulls. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** What could not be read: whatever stands there in `value` means nothing. */
  readonly unread: readonly Path[]
  /**
   * Strings that variables were put into, by `pathKey`, as they are written in the file: what is shown in place of
   * the value.
   */
  readonly templates: ReadonlyMap<string, string>
  locate(path: Path, part: 'key' | 'value'): Position | undefined
}

export function pathKey(path: Path): string {
  return JSON.stringify(path)
}

/** What is at the path; undefined where nothing is. Inherited members are not there. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = Reflect.get(at, step)
  }
  return at
}
