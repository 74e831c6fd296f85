import type { FileConfig } from '../config/schema/files.ts'
import type { Content, Ownership } from './content.ts'

/** How things are put in their places: `writer/`, or what a test puts there. */
export interface Places {
  /** Puts it there in one step. @throws WriteError: what lay there lies there still */
  publish(path: string, content: Content, ownership: Ownership): Promise<'written' | 'unchanged'>
  /** `absent`: nothing was published there, or something else lies there. @throws WriteError */
  unpublish(path: string, kind: Content['kind']): Promise<'removed' | 'absent'>
  /**
   * Whether something could be published there, without doing it.
   *
   * @param names of files in a folder, by their path below it, as far as they are known
   * @throws WriteError: it could not
   */
  tryPlace(path: string, kind: Content['kind'], ownership: Ownership, names: readonly string[]): Promise<void>
  sweepLeftovers(path: string, kind: Content['kind']): Promise<number>
  /** Undefined where that cannot be told. */
  isInMemory(path: string): Promise<boolean | undefined>
}

export function kindOf({ format }: Pick<FileConfig, 'format'>): Content['kind'] {
  return format === 'directory' ? 'folder' : 'file'
}

export function ownershipOf({ mode, owner, group }: FileConfig): Ownership {
  return { mode, owner, group }
}

/** Overwrites what was made to be written. */
export function wipe(content: Content): void {
  const all = content.kind === 'file' ? [content.bytes] : content.files.values()
  for (const bytes of all) bytes.fill(0)
}
