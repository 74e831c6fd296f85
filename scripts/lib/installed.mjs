import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether node_modules holds what package-lock.json asks for.
 *
 * Compares contents, not times: npm keeps in node_modules/.package-lock.json what it really installed, written last,
 * so an interrupted installation leaves none; and a `git checkout` that touches the lock file without changing it
 * costs no reinstallation.
 * @param {string} root the project's folder
 */
export function isInstalled(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  for (const [place, entry] of Object.entries(wanted)) {
    if (place === '') continue
    const held = present[place]
    if (held === undefined) {
      // Packages for other platforms are in the lock file and, rightly, not in the folder.
      if (entry.optional || entry.devOptional) continue
      return false
    }
    if (held.version !== entry.version || held.integrity !== entry.integrity) return false
  }
  return true
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }> | undefined}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}
