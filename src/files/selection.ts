import type { FileConfig } from '../config/schema/files.ts'
import type { Glob } from '../secrets/glob.ts'
import { anyOf } from '../secrets/glob.ts'
import { isPattern } from '../secrets/rules.ts'
import { parseTemplate } from '../secrets/template/parse.ts'

/** Which secrets belong to a file. */
export interface Selection {
  /** Those that it names. */
  readonly names: readonly string[]
  /** All of it, as the configuration writes it. */
  readonly wanted: readonly string[]
  /** Whether a secret belongs to it. */
  readonly covers: Glob
  /** Whether it has patterns. */
  readonly isOpen: boolean
  /** Whether it is no file without each of its secrets. */
  readonly needsAll: boolean
}

/** @param file as validated: a template can be parsed */
export function selectionOf({ secrets = [], format, template = '' }: FileConfig): Selection {
  const wanted = [...new Set(format === 'template' ? parseTemplate(template).names : secrets)]
  const names = wanted.filter((name) => !isPattern(name))
  return {
    names,
    wanted,
    covers: anyOf(wanted),
    isOpen: names.length < wanted.length,
    needsAll: format === 'template' || format === 'raw',
  }
}
