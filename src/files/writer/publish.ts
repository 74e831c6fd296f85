import { basename, dirname, resolve } from 'node:path'
import type { Content, Ownership } from '../content.ts'
import { type Disk, systemDisk } from './disk.ts'
import { inWords } from './failure.ts'
import { publishFile, sweepFiles, unpublishFile } from './file.ts'
import { publishFolder, sweepFolder, unpublishFolder } from './folder.ts'
import { HeldFolder } from './held-folder.ts'

/**
 * Lets content take the place of what lies at a path. Whoever reads meanwhile, or after the process was killed at any
 * moment, sees the old whole or the new whole, with its permissions and owners.
 *
 * - `unchanged`: what lies there is the same to the byte, with the same permissions, owners and names; it was not touched.
 * - A link at the path of a file is replaced, not followed; at the path of a folder it is refused.
 * - A folder that is missing is created, the one above it is not. What others put into the folder stays.
 * - In a folder whoever needs several files of one set resolves the link `..data` once and reads through that; for a
 *   tenth of a second after a swap the old set is still there. A removed name vanishes a moment after the swap, a new
 *   one appears.
 *
 * Calls for one path must not overlap; two processes must not write to the same path.
 *
 * Not defended: who may write to the folder can put anything in the place of what was published, after the fact.
 *
 * @throws WriteError Then the old content is there still; but where names in a folder could not be brought in line
 *   after the swap (which the message tells: `wrote …, but not all of its names`), it is the new. Calling again does the
 *   rest either way.
 */
export async function publish(
  path: string,
  content: Content,
  ownership: Ownership,
  disk: Disk = systemDisk,
): Promise<'written' | 'unchanged'> {
  const place = resolve(path)
  try {
    return content.kind === 'file'
      ? await publishFile(disk, place, content.bytes, ownership)
      : await publishFolder(disk, place, content.files, ownership)
  } catch (error) {
    throw inWords(place, 'write', error)
  }
}

/**
 * Removes what was published: a file, or all files of a folder at once. The folder itself stays, and what others put
 * into it. A folder in the place of a file, or the other way round, was never published: it is left alone.
 *
 * @throws WriteError
 */
export async function unpublish(
  path: string,
  kind: Content['kind'],
  disk: Disk = systemDisk,
): Promise<'removed' | 'absent'> {
  const place = resolve(path)
  try {
    return await (kind === 'file' ? unpublishFile(disk, place) : unpublishFolder(disk, place))
  } catch (error) {
    throw inWords(place, 'remove', error)
  }
}

/**
 * Removes what a run that was killed left behind at a path, as far as it can; `publish` and `unpublish` do so as well.
 * It is known by its name, which carries the path's: nothing of others, of other paths, or that is being written.
 *
 * @returns how many files, links and sets that was; 0 where the folder cannot be looked into
 */
export async function sweepLeftovers(
  path: string,
  kind: Content['kind'],
  disk: Disk = systemDisk,
): Promise<number> {
  const place = resolve(path)
  try {
    if (kind === 'folder') return await sweepFolder(disk, place)
    await using folder = await HeldFolder.open(disk, dirname(place), { follow: true })
    return await sweepFiles(folder, basename(place))
  } catch {
    return 0
  }
}
