import { createHash } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 200

/** A lock that names nobody is being written this instant, or was left by a crash in that instant. */
const namelessMs = 5000

/**
 * Where the lock of one project's installation is: outside of node_modules, which `npm ci` empties, and outside of the
 * project, where it would show up as a change.
 * @param {string} root the project's folder
 */
export function lockFileOf(root) {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16)
  return join(tmpdir(), `sidekeep-install-${userInfo().uid}-${name}.lock`)
}

/**
 * Takes the lock; waits while another living process holds it.
 * @param {string} file
 * @param {(holder: number) => void} waiting called once, when there is something to wait for
 * @returns {Promise<() => void>} gives the lock back; may be called twice
 */
export async function takeLock(file, waiting) {
  let told = false
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = holderOf(file)
    if (holder === undefined ? isOlderThan(file, namelessMs) : !isAlive(holder)) {
      rmSync(file, { force: true })
      continue
    }
    if (!told && holder !== undefined) {
      told = true
      waiting(holder)
    }
    await delay(pollMs)
  }
}

/** @param {string} file */
function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {string} file
 * @param {number} ms
 */
function isOlderThan(file, ms) {
  try {
    return Date.now() - statSync(file).mtimeMs > ms
  } catch {
    return false
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
