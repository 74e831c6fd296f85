import { pathFault } from '../../config/file-keys.ts'
import { type FileSecret, FormatError } from '../content.ts'
import { checkSize } from './byte-writer.ts'
import { entriesOf, type Keys, quoted } from './entries.ts'

/**
 * The exact bytes of each secret by its path below the folder: its name, or what `keys` says; a `/` makes a folder.
 *
 * @throws FormatError where a path is none, is that of two secrets, or would be a file and a folder at once
 */
export function renderDirectory(secrets: readonly FileSecret[], keys: Keys): ReadonlyMap<string, Buffer> {
  const entries = entriesOf(secrets, keys)
  let size = 0
  for (const { key, secret } of entries) {
    const fault = pathFault(key)
    if (fault !== undefined)
      throw new FormatError(
        `${quoted(secret.name)} would be written to ${quoted(key)}, which ${fault}`,
        secret.name,
      )
    size += secret.reveal().length
  }
  checkSize(size)
  const names = new Map(entries.map(({ key, secret }) => [key, secret.name]))
  for (const { key, secret } of entries) {
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const file = names.get(key.slice(0, slash))
      if (file !== undefined)
        throw new FormatError(
          `${quoted(file)} would be a file and, for ${quoted(secret.name)}, a folder: name one of them in keys`,
          secret.name,
        )
    }
  }
  return new Map(entries.map(({ key, secret }) => [key, Buffer.from(secret.reveal())]))
}
