import type { Ownership } from '../content.ts'
import type { OpenFile } from './disk.ts'
import { codeOf, Misplaced } from './failure.ts'
import type { HeldFolder } from './held-folder.ts'

/** Of permissions, as `stat` tells them among other things. */
export const permissions = 0o7777

/** Writes a new file whole, with its owners and permissions, and has it on the disk. On failure it may be there in part. */
export async function createFile(
  folder: HeldFolder,
  name: string,
  bytes: Buffer,
  ownership: Ownership,
): Promise<void> {
  const file = await folder.create(name)
  try {
    await writeWhole(file, bytes)
    await settle(file, ownership)
    await sync(file)
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  await file.close()
}

/**
 * Gives an open file or folder its owners and permissions, whatever the umask. Its group first, so that no other group
 * may read it for a moment; its owner last, since who gave a file away may not be allowed to change it any more.
 */
export async function settle(file: OpenFile, { mode, owner, group }: Ownership): Promise<void> {
  const { uid, gid } = await file.stat()
  if (group !== undefined && group !== gid) await file.chown(-1, group)
  await file.chmod(mode)
  if (owner !== undefined && owner !== uid) await file.chown(owner, -1)
  if (((await file.stat()).mode & permissions) !== mode) {
    throw new Misplaced(
      'the file system does not keep permissions',
      'Choose a volume that does: an emptyDir with medium: Memory.',
    )
  }
}

async function writeWhole(file: OpenFile, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at)
    // Not said to happen with a regular file, and never to be tried for ever.
    if (bytesWritten === 0) throw Object.assign(new Error('the system took nothing'), { code: 'EIO' })
    at += bytesWritten
  }
}

/** File systems that keep nothing in store have nothing to sync, and some say so. */
async function sync(file: OpenFile): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error
  }
}
