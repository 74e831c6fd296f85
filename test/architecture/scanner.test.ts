import t from 'tap'
import { importsOf } from '../support/imports/scan.ts'

/** The cases write a substitution of a template as `§{…}`: they are strings here and templates only in the source. */
const templates = (lines: readonly string[]): string => lines.join('\n').replaceAll('§{', '${')

const seen = (source: string): string[] =>
  importsOf(source).map(({ form, specifier, line }) => `${line} ${form} ${specifier ?? '?'}`)

t.test('every form of a static import is found, with its line', async (t) => {
  const source = `#!/usr/bin/env node
import './effect.ts'
import a from "./a.ts"
import * as b from './b.ts'
import c, { d as e, type f } from './c.ts'
import type { g } from './g.ts'
import type h from './h.ts'
import {
  from,
  // } from './comment.ts'
  as,
} from './i.ts'
import data from './data.json' with { type: 'json' }
import type from './type.ts'
import from from './from.ts'
`
  t.strictSame(seen(source), [
    '2 static ./effect.ts',
    '3 static ./a.ts',
    '4 static ./b.ts',
    '5 static ./c.ts',
    '6 static ./g.ts',
    '7 static ./h.ts',
    '8 static ./i.ts',
    '13 static ./data.json',
    '14 static ./type.ts',
    '15 static ./from.ts',
  ])
})

t.test('re-exports count as imports; other exports do not', async (t) => {
  const source = `export * from './a.ts'
export * as b from './b.ts'
export { c, type d } from './c.ts'
export type { e } from './e.ts'
export type * from './f.ts'
const from = './no.ts'
export { from }
export const g = { from: './no.ts' }
export type H = { from: './no.ts' }
export default './no.ts'
`
  t.strictSame(seen(source), [
    '1 static ./a.ts',
    '2 static ./b.ts',
    '3 static ./c.ts',
    '4 static ./e.ts',
    '5 static ./f.ts',
  ])
})

t.test('dynamic imports are found wherever an expression or a type can stand', async (t) => {
  const source = templates([
    "const a = await import('./a.ts')",
    "const b = () => import(\n  './b.ts'\n)",
    'const c = import(`./c.ts`)',
    "type D = typeof import('./d.ts')",
    "const e = `text §{await import('./e.ts')} and §{`deep §{import('./f.ts')}`}`",
    'const g = import(name)',
    "const h = import('./pre' + name)",
    'const i = import(`./§{name}.ts`)',
    "const j = [...import('./j.ts')]",
    "const k = import('./k.json', { with: { type: 'json' } })",
  ])
  t.strictSame(seen(source), [
    '1 dynamic ./a.ts',
    '2 dynamic ./b.ts',
    '5 dynamic ./c.ts',
    '6 dynamic ./d.ts',
    '7 dynamic ./e.ts',
    '7 dynamic ./f.ts',
    '8 dynamic ?',
    '9 dynamic ?',
    '10 dynamic ?',
    '11 dynamic ./j.ts',
    '12 dynamic ./k.json',
  ])
})

t.test('what only looks like an import is none', async (t) => {
  const source = templates([
    "// import a from './no.ts'",
    "/* import a from './no.ts'\nimport('./no.ts') */",
    `const text = "import a from './no.ts'"`,
    `const escaped = 'it\\'s: import("./no.ts")'`,
    "const template = `import a from './no.ts'`",
    "const expression = /import('.\\/no.ts')/",
    "const inClass = /[/'\"]import('x')/.test(text)",
    'const url = import.meta.url',
    "loader.import('./no.ts')",
    "loader?.import('./no.ts')",
    "const table = { import: './no.ts' }",
    "loader.require('./no.ts')",
    'const divided = total / 2 / count',
    'const half = list[0] / 2, other = f(1) / 3',
    'const quotes = `it\'s §{"}" /* } */} "`',
  ])
  t.strictSame(seen(source), [])
})

t.test('an import after a regular expression, a division or a template is still found', async (t) => {
  const source = templates([
    'const a = value.replace(/[`\'"/]/g, "")',
    'const b = x / y; const c = `§{d}/`',
    "return /'/.test(e) ? import('./a.ts') : typeof /\"/",
    "import('./b.ts')",
  ])
  t.strictSame(seen(source), ['3 dynamic ./a.ts', '4 dynamic ./b.ts'])
})

t.test('require is reported as what it is', async (t) => {
  t.strictSame(seen("const a = require('a')\nconst b = createRequire(import.meta.url)('b')"), ['1 require a'])
})

t.test('a source that breaks off is an error and not an empty answer', async (t) => {
  t.throws(() => importsOf("const a = 'open"), /string at position 10/)
  t.throws(() => importsOf('const a = `open ${b'), /substitution at position 18/)
  t.throws(() => importsOf('/* open'), /"\*\/" is missing/)
})
