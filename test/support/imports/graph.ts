import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { transform } from 'esbuild'
import { type Import, importsOf } from './scan.ts'

/** One import of one of our files. */
export interface Edge {
  /** Below src/, with forward slashes. */
  readonly from: string
  readonly line: number
  readonly form: Import['form']
  readonly specifier: string
  /** True where nothing is left of it once the types are stripped. */
  readonly typeOnly: boolean
  /** A file of ours, below src/; undefined for what comes from elsewhere. */
  readonly file?: string
  /** The name of an npm package; undefined for files of ours and parts of Node. */
  readonly pkg?: string
}

/** All imports of the TypeScript files in a folder, computed ones too (their specifier is `?`). */
export async function edgesOf(folder: string): Promise<Edge[]> {
  const edges: Edge[] = []
  for (const file of globSync('**/*.ts', { cwd: folder }).sort()) {
    const source = readFileSync(join(folder, file), 'utf8')
    const atRunTime = new Set(importsOf(await withoutTypes(source)).map(keyOf))
    for (const found of importsOf(source)) {
      edges.push(edge(file, found, !atRunTime.has(keyOf(found))))
    }
  }
  return edges
}

/** As Node does it: an import that is not written as one of types stays, even when only types are taken from it. */
async function withoutTypes(source: string): Promise<string> {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } }
  return (await transform(source, { loader: 'ts', tsconfigRaw })).code
}

function keyOf({ form, specifier }: Import): string {
  return `${form} ${specifier ?? '?'}`
}

/** Exported for the tests of the rules, which write edges by hand. */
export function edge(from: string, found: Import, typeOnly = false): Edge {
  const { form, line } = found
  const specifier = found.specifier ?? '?'
  const base = { from, line, form, specifier, typeOnly }
  if (/^\.{1,2}\//.test(specifier)) return { ...base, file: normalize(join(dirname(from), specifier)) }
  if (specifier === '?' || isBuiltin(specifier)) return base
  return { ...base, pkg: specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/') }
}
