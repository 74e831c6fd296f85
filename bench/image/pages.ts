/** Where the pages of an image's files are when a container is started. */
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { podman } from '../../test/manifests/pod/podman.ts'
import type { Image } from './images.ts'

const execute = promisify(execFile)

/** Whether an image's files are in the machine's memory, charged to somebody else, or none of them is. */
export type Pages = 'in memory' | 'on disk'

/**
 * Sees to it that a container which is started next finds the larger files of its image as told. In memory: as after the
 * pull, or beside another pod of the same image; the container is charged for none of them. On disk: as after the
 * machine's own start; it is charged for all that it touches.
 */
export async function place({ tag }: Image, pages: Pages): Promise<void> {
  const mounted = await podman('image', 'mount', tag)
  const larger = [mounted, '-type', 'f', '-size', '+64k', '-exec']
  // Those that a container was charged for go first.
  await execute('find', [...larger, 'dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none', ';'])
  if (pages === 'in memory') {
    await execute('find', [
      mounted,
      '-type',
      'f',
      '-exec',
      'dd',
      'if={}',
      'of=/dev/null',
      'bs=1M',
      'status=none',
      ';',
    ])
  }
  await podman('image', 'unmount', tag)
}

/** KiB that the kernel reads ahead of what is asked of the disk that a file lies on; undefined: it does not tell. */
export function readAhead(path: string): number | undefined {
  const { dev } = statSync(path)
  // As glibc packs the two numbers of a device (makedev(3)), of which large ones do not occur here.
  const device = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`
  try {
    return Number(readFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, 'utf8'))
  } catch {
    return undefined
  }
}
