import type { Given } from './recording.ts'

/** By name, what a file has. */
export type Versions = ReadonlyMap<string, Given>

export function isSame(a: Versions | undefined, b: Versions): boolean {
  return (
    a !== undefined &&
    a.size === b.size &&
    [...b].every(([name, { origin }]) => a.get(name)?.origin === origin)
  )
}

/** Names that were added, changed or removed. */
export function differing(before: Versions = new Map(), after: Versions = new Map()): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter((name) => before.get(name)?.origin !== after.get(name)?.origin).sort()
}
