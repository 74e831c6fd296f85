import type { Disk } from './disk.ts'
import type { HeldFolder } from './held-folder.ts'

/**
 * Whether something in a folder has a volume of its own mounted on it, as `subPath` of Kubernetes mounts single files:
 * rename(2) puts nothing in its place (EBUSY), and so no publication either. The two lie on one device where both are
 * of one volume, so that the mounts are compared; the devices only where the system does not tell mounts. What cannot be
 * found out counts as no.
 */
export async function isMountPoint(disk: Disk, folder: HeldFolder, name: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const spot = await folder.spot(name).catch(() => undefined)
  if (spot === undefined) return false
  try {
    const [mount, around] = [await disk.mountOf(spot.fd), await disk.mountOf(folder.self.fd)]
    if (mount !== undefined && around !== undefined) return mount !== around
    return (await spot.stat()).dev !== (await folder.self.stat()).dev
  } catch {
    return false
  } finally {
    await spot.close().catch(() => {})
  }
}
