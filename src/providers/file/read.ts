import type { BigIntStats } from 'node:fs'
import { constants, type FileHandle, open, stat } from 'node:fs/promises'
import { Malformed } from '../shared/malformed.ts'

/** A file that is still changing after so many reads is being written all the time. */
const attempts = 3

/**
 * The bytes of a regular file, symbolic links followed. Reads again where the file changed meanwhile, so that nobody
 * gets half of the old and half of the new. Throws `Malformed` for what is no regular file, is larger than `maxBytes`
 * or does not hold still, and Node's errors for what cannot be read.
 */
export async function readStable(path: string, maxBytes: number): Promise<Buffer> {
  // Looked at before it is opened: opening alone can block on a pipe and has effects on some devices.
  requireRegular(await stat(path, { bigint: true }))
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await handle.stat({ bigint: true })
    requireRegular(before)
    if (before.size > maxBytes) throw oversized(maxBytes)
    const bytes = await readAll(handle, maxBytes)
    const after = await handle.stat({ bigint: true })
    const whole = before.size === BigInt(bytes.length) || before.size === 0n
    if (whole && after.mtimeNs === before.mtimeNs && after.size === before.size) return bytes
  }
  throw new Malformed('it keeps changing while it is read. Replace it by renaming a complete file over it')
}

/** Reads to the end rather than to the size that was announced: files in /proc and /sys announce 0. */
async function readAll(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(64 * 1024, maxBytes + 1 - total))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, total)
    if (bytesRead === 0) return Buffer.concat(chunks, total)
    chunks.push(chunk.subarray(0, bytesRead))
    total += bytesRead
    if (total > maxBytes) throw oversized(maxBytes)
  }
}

function requireRegular(stats: BigIntStats): void {
  if (!stats.isFile()) throw new Malformed('it is no regular file')
}

function oversized(maxBytes: number): Malformed {
  return new Malformed(`it is larger than ${maxBytes} bytes. Make it smaller, or raise maxBody`, 'oversized')
}
