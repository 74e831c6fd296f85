/** What secrets may be called in each format of a file: the checks of the configuration and the formats hold to it. */
import type { FileFormat } from './schema/files.ts'

/** What POSIX calls a name (Base Definitions, section 3.216), and no shell assigns to anything else. */
export const dotenvKey = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What a secret is called where `keys` does not say. */
export function defaultKey(format: FileFormat, name: string): string {
  if (format === 'dotenv') return variableOf(name)
  // The separator of Java's world.
  return format === 'properties' ? name.replaceAll('/', '.') : name
}

/** `db/password` is `DB_PASSWORD`, `2fa` is `_2FA`. Letters of ASCII alone: what others become depends on their language. */
function variableOf(name: string): string {
  const key = name.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/[^A-Z0-9_]/gu, '_')
  return /^\d/.test(key) ? `_${key}` : key
}

/** NAME_MAX of Linux (limits.h): bytes of one segment. */
const longestSegment = 255

/** What is wrong with a path below the folder, if anything is. At the top `..` begins what the writer keeps for itself. */
export function pathFault(path: string): string | undefined {
  if (path.includes('\0')) return 'has a NUL'
  if (path.startsWith('/')) return 'is absolute'
  if (path.startsWith('..')) return 'begins with ".."'
  for (const segment of path.split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..') return 'has a segment "." or ".."'
    if (Buffer.byteLength(segment) > longestSegment)
      return `has a segment of more than ${longestSegment} bytes`
  }
  return undefined
}
