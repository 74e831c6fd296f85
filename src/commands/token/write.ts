import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Writes a file that only its owner can read, with all of the text or not at all: readers see the former file, or none,
 * until this one is complete and on the disk. What is written beside it first is gone in any case.
 *
 * @param options.force whether a file that is there is replaced; a link is, and not what it points to
 * @throws an error of node:fs, EEXIST where the file is there and `force` is not
 */
export async function writeNew(
  path: string,
  text: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const folder = dirname(path)
  const beside = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  try {
    {
      // `wx`: nobody's file, and no link that somebody has laid there, is written to.
      await using handle = await open(beside, 'wx', 0o600)
      await handle.writeFile(text)
      await handle.sync()
    }
    // A link is made only where there is nothing: to look first and rename then would leave a moment in between.
    if (force) await rename(beside, path)
    else await link(beside, path)
  } finally {
    await rm(beside, { force: true })
  }
  await syncFolder(folder)
}

/** Puts the name on the disk too, where the folder lets us: who may write to it may not always read it. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder)
    await handle.sync()
  } catch {
    // The file is complete and in its place; only a power cut could still lose its name.
  }
}
