import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { linkTarget, secretFiles } from './directory.ts'
import { codeOf, isAbsent } from './failure.ts'

/** By name, what changes whenever the file changes; under `whole`, the same for the path itself. */
export type Snapshot = ReadonlyMap<string, string>

/** No file has an empty name. */
const whole = ''

/**
 * How a path looks now, without reading any content. Never fails: that it cannot be looked at is a state like others.
 * Files that Kubernetes swaps in together are not looked at one by one: they change when `..data` does.
 */
export async function snapshot(path: string): Promise<Snapshot> {
  try {
    const stats = await stat(path, { bigint: true })
    if (!stats.isDirectory()) return new Map([[whole, await fingerprint(path)]])
    const data = await linkTarget(join(path, '..data'))
    const swapped = data === undefined ? undefined : `${resolve(path, data)}/`
    const seen = new Map([[whole, `directory ${stats.ino} ${data}`]])
    for (const [name, file] of await secretFiles(path, data)) {
      if (swapped === undefined || !file.startsWith(swapped)) seen.set(name, await fingerprint(file))
    }
    return seen
  } catch (error) {
    return new Map([[whole, codeOf(error) ?? 'unknown error']])
  }
}

/** The names that differ; `undefined` alone where it cannot be said which. */
export function differences(before: Snapshot, after: Snapshot): readonly (string | undefined)[] {
  const names = new Set([...before.keys(), ...after.keys()])
  const changed = [...names].filter((name) => before.get(name) !== after.get(name))
  return changed.includes(whole) ? [undefined] : changed
}

/** The inode tells a replaced file, ctime one that was changed and had its mtime set back. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    if (isAbsent(error)) return 'absent'
    throw error
  }
}
