import type { Content, Ownership } from '../../src/files/content.ts'
import { fileOf, folderOf } from '../support/writer-look.ts'

/** More files than Node opens on its main thread. */
export const warmUps = 100
/** Removing what is not there tells the trace where the work begins. */
export const begin = '/sidekeep-begins-to-publish'

const big = 'CANARY '.repeat(10_000)

export const old: Record<'file' | 'folder', Content> = {
  file: fileOf(`old ${big}`),
  folder: folderOf({ a: 'old a', 'gone/b': 'old b', 'db/c': 'old c' }),
}
export const fresh: Record<'file' | 'folder', Content> = {
  file: fileOf(`new ${big}`),
  folder: folderOf({ a: 'new a', 'come/b': 'new b', 'db/c': 'new c' }),
}

/** @param group that it is to belong to, in digits; none: whatever it gets */
export function ownershipOf(group: string): Ownership {
  return { mode: 0o440, owner: undefined, group: group === '' ? undefined : Number(group) }
}
