import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/**
 * Where the npm package `node` puts the binary that this project pins.
 * @param {string} root the project's folder
 */
export function pinnedNode(root) {
  return join(root, 'node_modules', 'node', 'bin', 'node')
}

/**
 * False where npm installed the package but did not let its install script run, which is what brings the binary.
 * @param {string} root the project's folder
 */
export function hasPinnedNode(root) {
  try {
    accessSync(pinnedNode(root), constants.X_OK)
    return true
  } catch {
    return false
  }
}
