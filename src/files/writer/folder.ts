import { basename, dirname } from 'node:path'
import type { Ownership } from '../content.ts'
import type { Disk } from './disk.ts'
import { codeOf, Unfinished } from './failure.ts'
import { sweepFiles } from './file.ts'
import { HeldFolder, openIfThere } from './held-folder.ts'
import { current, type Found, lookInto, refuseOccupied, targetOf } from './links.ts'
import { isSameSet, removeTree, writeSet } from './set.ts'
import { inside, temporariesOf } from './temporary.ts'
import { type Tree, treeOf } from './tree.ts'

/**
 * Milliseconds from the swap until the old set is removed. A reader that came through the link just before it is still
 * on the way to its file, and one that resolved the link to read several files is on the way to the next.
 */
const grace = 100

/**
 * A folder is published as the kubelet publishes a volume: the files lie in a folder of their own, `..data` is a link to
 * it that is swapped by rename(2), and what readers see are links through that one. So all files change at once.
 */
export async function publishFolder(
  disk: Disk,
  path: string,
  files: ReadonlyMap<string, Buffer>,
  ownership: Ownership,
): Promise<'written' | 'unchanged'> {
  const tree = treeOf(files)
  await using made = await openOrMake(disk, path)
  try {
    const result = await publishIn(disk, made.folder, tree, ownership)
    made.keep()
    return result
  } catch (error) {
    if (error instanceof Unfinished) made.keep()
    throw error
  }
}

async function publishIn(
  disk: Disk,
  folder: HeldFolder,
  tree: Tree,
  ownership: Ownership,
): Promise<'written' | 'unchanged'> {
  const found = await lookInto(folder)
  await sweep(folder, found)
  refuseOccupied(found, tree.keys())
  const missing = [...tree.keys()].filter((name) => !found.links.has(name))
  const stale = [...found.links].filter((name) => !tree.has(name))
  const isComplete = missing.length + stale.length === 0 && found.set !== undefined
  if (isComplete && (await isSameSet(folder, found.set, tree, ownership))) return 'unchanged'
  await replace(folder, tree, ownership, { missing, stale })
  if (found.set !== undefined) {
    await disk.pause(grace)
    await removeTree(folder, { name: found.set })
  }
  return 'written'
}

interface Names {
  readonly missing: readonly string[]
  readonly stale: readonly string[]
}

/**
 * Everything that takes room is made before the swap, links for new names too: afterwards there is only renaming and
 * removing, so that a full disk cannot stop it halfway.
 */
async function replace(
  folder: HeldFolder,
  tree: Tree,
  ownership: Ownership,
  { missing, stale }: Names,
): Promise<void> {
  using claims = new DisposableStack()
  const claim = () => claims.use(inside().claim()).name
  const set = claim()
  const swap = claim()
  const links = missing.map((name) => [claim(), name] as const)
  let isPublished = false
  try {
    {
      await using fresh = await folder.createFolder(set)
      await writeSet(fresh, tree, ownership)
    }
    for (const [temporary, name] of links) await folder.symlink(targetOf(name), temporary)
    await folder.symlink(set, swap)
    await folder.rename(swap, current)
    isPublished = true
    for (const [temporary, name] of links) await folder.rename(temporary, name)
    for (const name of stale) await folder.unlink(name)
  } catch (error) {
    for (const name of [swap, ...links.map(([temporary]) => temporary)]) {
      await folder.unlink(name).catch(() => {})
    }
    if (isPublished) throw new Unfinished(error)
    await removeTree(folder, { name: set })
    throw error
  }
  await folder.sync()
}

/** All files vanish at once, with the link to the current set. The folder itself stays: it may be a volume. */
export async function unpublishFolder(disk: Disk, path: string): Promise<'removed' | 'absent'> {
  await using folder = await openIfThere(disk, path, { follow: false }).catch(noFolder)
  if (folder === undefined) {
    // A run that was killed may have been about to make it.
    await using parent = await openIfThere(disk, dirname(path), { follow: true })
    if (parent !== undefined) await sweepFiles(parent, basename(path))
    return 'absent'
  }
  const found = await lookInto(folder)
  if (found.hasCurrent) await folder.unlink(current)
  for (const name of found.links) await folder.unlink(name)
  if (found.set !== undefined) await removeTree(folder, { name: found.set })
  await sweep(folder, found)
  await folder.sync()
  return found.hasCurrent || found.links.size > 0 ? 'removed' : 'absent'
}

/** A file lies there, or a link: nothing that was ever published as a folder. */
function noFolder(error: unknown): undefined {
  if (codeOf(error) !== 'ENOTDIR') throw error
}

/** Removes what a killed run left in a folder, as far as it can, and says how many things that was. */
export async function sweepFolder(disk: Disk, path: string): Promise<number> {
  let swept = 0
  {
    await using parent = await HeldFolder.open(disk, dirname(path), { follow: true })
    swept += await sweepFiles(parent, basename(path))
  }
  await using folder = await openIfThere(disk, path, { follow: false })
  return folder === undefined ? swept : swept + (await sweep(folder, await lookInto(folder)))
}

async function sweep(folder: HeldFolder, { leftOver }: Found): Promise<number> {
  let swept = 0
  for (const entry of leftOver) {
    const removed = entry.isDirectory()
      ? await removeTree(folder, entry)
      : await folder.unlink(entry.name).then(
          () => true,
          () => false,
        )
    if (removed) swept += 1
  }
  return swept
}

/** A folder that goes again, where it was made for what then failed. */
interface Made extends AsyncDisposable {
  readonly folder: HeldFolder
  keep(): void
}

async function openOrMake(disk: Disk, path: string): Promise<Made> {
  const folder = await openIfThere(disk, path, { follow: false })
  if (folder === undefined) return await make(disk, path)
  return { folder, keep: () => {}, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

/** Permissions of a folder that has to be made: what lies in it has its own. */
const permissionsOfFolder = 0o755
const setgid = 0o2000

/** Made under another name and renamed, so that a run that is killed does not leave a folder that nobody may enter. */
async function make(disk: Disk, path: string): Promise<Made> {
  await using stack = new AsyncDisposableStack()
  const parent = stack.use(await HeldFolder.open(disk, dirname(path), { follow: true }))
  const name = basename(path)
  await sweepFiles(parent, name)
  using temporary = temporariesOf(name).claim()
  let isKept = false
  let place = temporary.name
  stack.defer(async () => {
    if (!isKept) await parent.rmdir(place).catch(() => {})
  })
  const folder = stack.use(await parent.createFolder(temporary.name))
  // A folder above it may hand down its group, and this one is to do so, too.
  await folder.self.chmod(((await folder.self.stat()).mode & setgid) | permissionsOfFolder)
  await parent.rename(temporary.name, name)
  place = name
  await parent.sync()
  const owned = stack.move()
  return {
    folder,
    keep: () => {
      isKept = true
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
