import { Misplaced } from './failure.ts'

/** What is to lie in a folder, by name: bytes for a file, a tree for a folder. */
export type Tree = Map<string, Buffer | Tree>

const unfit = 'Give the secret another name with `keys`.'

/**
 * The files of a set, folder by folder.
 *
 * @throws Misplaced where their paths cannot stand side by side, or would lead elsewhere
 */
export function treeOf(files: ReadonlyMap<string, Buffer>): Tree {
  const tree: Tree = new Map()
  for (const [path, bytes] of files) {
    const segments = path.split('/')
    const name = segments.pop() ?? ''
    // Names of ours begin so, as they do in volumes of Kubernetes.
    if (path.startsWith('..'))
      throw new Misplaced(`names that begin with .. are not for secrets: ${path}`, unfit)
    let folder = tree
    for (const segment of segments) folder = folderIn(folder, segment, path)
    check(name, path)
    if (folder.has(name)) throw twice(path)
    folder.set(name, bytes)
  }
  return tree
}

function folderIn(folder: Tree, name: string, path: string): Tree {
  check(name, path)
  const found = folder.get(name)
  if (found instanceof Map) return found
  if (found !== undefined) throw twice(path)
  const made: Tree = new Map()
  folder.set(name, made)
  return made
}

function check(name: string, path: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !name.includes('\0')) return
  throw new Misplaced(`${JSON.stringify(path)} is no path of a file below it`, unfit)
}

function twice(path: string): Misplaced {
  return new Misplaced(`${path} would be both a file and a folder`, unfit)
}
