import type { StatsBase } from 'node:fs'
import { constants, type FileHandle, open, stat } from 'node:fs/promises'
import { Malformed } from '../shared/malformed.ts'

/** A file that is still changing after so many reads is being written all the time. */
const attempts = 3

/**
 * The bytes of a regular file, symbolic links followed. Reads again where the file changed meanwhile, so that nobody
 * gets half of the old and half of the new. Undefined for a directory. Throws `Malformed` for a pipe, a device and their
 * like, for what is larger than `maxBytes` or does not hold still, and Node's errors for what cannot be read.
 */
export async function readStable(path: string, maxBytes: number): Promise<Buffer | undefined> {
  // Looked at before it is opened: opening alone can block on a pipe and has effects on some devices.
  const found = await stat(path)
  if (found.isDirectory()) return undefined
  requireRegular(found)
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await handle.stat({ bigint: true })
    requireRegular(before)
    if (before.size > maxBytes) throw oversized(maxBytes)
    const bytes = await readAll(handle, Number(before.size), maxBytes)
    const after = await handle.stat({ bigint: true })
    const whole = before.size === BigInt(bytes.length) || before.size === 0n
    if (whole && after.mtimeNs === before.mtimeNs && after.size === before.size) return bytes
    bytes.fill(0)
  }
  throw new Malformed('it keeps changing while it is read. Replace it by renaming a complete file over it')
}

/** Reads to the end, not only to the size that was announced: files in /proc and /sys announce 0. */
async function readAll(handle: FileHandle, size: number, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  for (let length = size || 4096; ; length = 64 * 1024) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(length, maxBytes + 1 - total))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, total)
    chunks.push(chunk.subarray(0, bytesRead))
    total += bytesRead
    if (total > maxBytes) throw oversized(maxBytes)
    // Whether anything was added meanwhile is seen by the caller's second look at the size.
    if (bytesRead === 0 || total === size) return joined(chunks, total)
  }
}

/** All chunks in one piece. Copies are overwritten: values lie in memory once. */
function joined(chunks: readonly Buffer[], total: number): Buffer {
  const bytes = Buffer.concat(chunks, total)
  for (const chunk of chunks) chunk.fill(0)
  return bytes
}

function requireRegular(stats: StatsBase<number | bigint>): void {
  if (!stats.isFile()) throw new Malformed('it is no regular file')
}

function oversized(maxBytes: number): Malformed {
  return new Malformed(`it is larger than ${maxBytes} bytes. Make it smaller, or raise maxBody`, 'oversized')
}
