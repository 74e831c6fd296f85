import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Content } from '../../src/files/content.ts'

/** What a reader finds: of a file or a folder of files, the contents and permissions by path; undefined where nothing is. */
export type Seen = Readonly<Record<string, string>> | undefined

export const fileOf = (text: string): Content => ({ kind: 'file', bytes: Buffer.from(text) })

export const folderOf = (files: Readonly<Record<string, string>>): Content => ({
  kind: 'folder',
  files: new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])),
})

/** As it is to be seen once it is published. */
export function expected(content: Content, mode: number): Seen {
  const permissions = mode.toString(8)
  const files = content.kind === 'file' ? [['', content.bytes] as const] : [...content.files]
  return Object.fromEntries(files.map(([name, bytes]) => [name, `${permissions} ${bytes}`]).sort())
}

/** What there is, as a reader sees it who resolves `..data` once. */
export function seen(path: string, kind: Content['kind']): Seen {
  try {
    return kind === 'file'
      ? { '': contentOf(path) }
      : Object.fromEntries(below(realpathSync(`${path}/..data`)))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** What there is, as a reader sees it who comes through the links at the top; what dangles is not seen. */
export function seenThroughLinks(path: string): Record<string, string> {
  const names = readdirSync(path).filter((name) => !name.startsWith('..'))
  const files = names.flatMap((name): Array<readonly [string, string]> => {
    try {
      const place = realpathSync(join(path, name))
      return lstatSync(place).isDirectory() ? below(place, `${name}/`) : [[name, contentOf(place)]]
    } catch {
      return []
    }
  })
  return Object.fromEntries(files.sort())
}

/** What is left over or out of line in a folder: names that are temporary, or neither linked to nor linking. */
export function leftovers(folder: string, path: string, kind: Content['kind']): string[] {
  const beside = readdirSync(folder).filter((name) => name.endsWith('.sidekeep'))
  if (kind === 'file') return beside
  let names: string[]
  try {
    names = readdirSync(path)
  } catch {
    return beside
  }
  const current = names.includes('..data') ? readlinkSync(join(path, '..data')) : ''
  const inside = names.filter((name) => {
    if (name === '..data' || name === current) return false
    if (name.startsWith('..')) return true
    return !names.includes('..data') || !isThere(join(path, name))
  })
  return [...beside, ...inside]
}

function isThere(path: string): boolean {
  try {
    realpathSync(path)
    return true
  } catch {
    return false
  }
}

function contentOf(path: string): string {
  return `${(lstatSync(path).mode & 0o7777).toString(8)} ${readFileSync(path)}`
}

function below(folder: string, prefix = ''): Array<readonly [string, string]> {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry): Array<readonly [string, string]> => {
      const place = join(folder, entry.name)
      const name = `${prefix}${entry.name}`
      return entry.isDirectory() ? below(place, `${name}/`) : [[name, contentOf(place)]]
    })
    .sort()
}
