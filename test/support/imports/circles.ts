import type { Edge } from './graph.ts'
import { roomOf } from './rules.ts'

/**
 * Circles between files: of run-time imports, whose order of evaluation such a circle leaves to chance. A circle of
 * types between two files of one room does no harm that a rule should forbid. Dynamic imports count: they, too, tie
 * the files together.
 */
export function fileCircles(edges: readonly Edge[]): string[] {
  return circles(edges.filter((edge) => !edge.typeOnly).map(({ from, file }) => [from, file]))
}

/**
 * Circles between rooms: of all imports, those of types too. A room is a unit of understanding, and one that knows
 * another's types cannot be understood, moved or replaced without it.
 */
export function roomCircles(edges: readonly Edge[]): string[] {
  return circles(
    edges
      .filter((edge) => edge.file !== undefined && roomOf(edge.from) !== roomOf(edge.file))
      .map(({ from, file }) => [roomOf(from), file === undefined ? undefined : roomOf(file)]),
  )
}

/** Each circle once, as `a → b → a`, found depth first. */
function circles(arrows: ReadonlyArray<readonly [string, string | undefined]>): string[] {
  const targets = new Map<string, Set<string>>()
  for (const [from, to] of arrows) {
    if (to === undefined) continue
    const known = targets.get(from) ?? new Set()
    targets.set(from, known.add(to))
  }
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (node: string): void => {
    const start = path.indexOf(node)
    if (start !== -1) found.push([...path.slice(start), node].join(' → '))
    if (start !== -1 || done.has(node)) return
    path.push(node)
    for (const target of [...(targets.get(node) ?? [])].sort()) visit(target)
    path.pop()
    done.add(node)
  }
  for (const node of [...targets.keys()].sort()) visit(node)
  return found
}
