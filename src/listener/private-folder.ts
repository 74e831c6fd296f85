import { randomBytes } from 'node:crypto'
import { mkdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './cannot-listen.ts'

/** Names are short, since paths of sockets are bounded; more than a few of them are never in use. */
const attempts = 20

/**
 * Works on one file in a folder beside others, which nobody else can look into, and which is gone afterwards with the
 * file's name there. What is done to a file through it cannot be led astray by who may write to the folder around it.
 */
export async function inPrivateFolder<T>(around: string, work: (inside: string) => Promise<T>): Promise<T> {
  const folder = await create(around)
  const inside = join(folder, 's')
  let result: T
  try {
    result = await work(inside)
  } catch (error) {
    // Why the work failed matters more than what is left of it.
    await remove(folder, inside).catch(() => {})
    throw error
  }
  await remove(folder, inside)
  return result
}

async function remove(folder: string, inside: string): Promise<void> {
  await unlink(inside).catch(ignoreMissing)
  await rmdir(folder)
}

async function create(around: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = join(around, `.${randomBytes(3).toString('base64url')}`)
    try {
      await mkdir(folder, 0o700)
      return folder
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || attempt === attempts) throw error
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}
