import type { Dirent } from 'node:fs'
import { Misplaced } from './failure.ts'
import type { HeldFolder } from './held-folder.ts'
import { inside } from './temporary.ts'

/** The link that stands for the set that is current, as in volumes of Kubernetes. */
export const current = '..data'

/** What lies in a folder of ours. */
export interface Found {
  /** What the link to the current set leads to, where that is a set of ours. */
  readonly set: string | undefined
  readonly hasCurrent: boolean
  /** The names of links of ours: to what has the same name in the current set. */
  readonly links: ReadonlySet<string>
  /** Everything else but what is left over. */
  readonly foreign: ReadonlySet<string>
  /** Sets and links of a run that was killed, and sets that were not removed. */
  readonly leftOver: readonly Dirent[]
}

export const targetOf = (name: string): string => `${current}/${name}`

/** @throws Misplaced where something else stands in the place of the link to the current set */
export async function lookInto(folder: HeldFolder): Promise<Found> {
  const entries = await folder.list()
  const target = await currentOf(folder, entries)
  const set = target !== undefined && inside().has(target) ? target : undefined
  const links = new Set<string>()
  const foreign = new Set<string>()
  const leftOver: Dirent[] = []
  for (const entry of entries) {
    const { name } = entry
    if (name === current || name === set) continue
    if (inside().isLeftOver(name)) leftOver.push(entry)
    else if (entry.isSymbolicLink() && (await folder.readlink(name)) === targetOf(name)) links.add(name)
    else foreign.add(name)
  }
  return { set, hasCurrent: target !== undefined, links, foreign, leftOver }
}

/** @throws Misplaced where what others put there has a name that is to be published */
export function refuseOccupied({ foreign }: Found, names: Iterable<string>): void {
  for (const name of names) {
    if (!foreign.has(name)) continue
    throw new Misplaced(
      `${name} in it is not the sidecar's`,
      'Remove it, or choose a folder that nobody else writes to.',
    )
  }
}

async function currentOf(folder: HeldFolder, entries: readonly Dirent[]): Promise<string | undefined> {
  const entry = entries.find(({ name }) => name === current)
  if (entry === undefined) return undefined
  if (!entry.isSymbolicLink()) {
    throw new Misplaced(
      `${current} in it is no link, and not the sidecar's`,
      'Remove it, or choose another path.',
    )
  }
  return await folder.readlink(current)
}
