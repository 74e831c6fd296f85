import { readFileSync, writeFileSync } from 'node:fs'
import type { Mode } from './configuration.ts'
import { minute, type Observed, type Row, second } from './row.ts'

export type Results = ReadonlyMap<Mode, Observed>

const page = new URL('../../../docs/reliability.md', import.meta.url)

/** The part of the page that stands between the marks of this name; undefined where there are none. */
export function sectionOf(name: string): string | undefined {
  return pattern(name).exec(readFileSync(page, 'utf8'))?.[1]
}

export function writeSection(name: string, text: string): void {
  const before = readFileSync(page, 'utf8')
  if (!pattern(name).test(before)) throw new Error(`docs/reliability.md has no marks for "${name}"`)
  writeFileSync(
    page,
    before.replace(pattern(name), () => `<!-- begin: ${name} -->\n${text}<!-- end: ${name} -->`),
  )
}

function pattern(name: string): RegExp {
  return new RegExp(`<!-- begin: ${name} -->\\n([\\s\\S]*?)<!-- end: ${name} -->`)
}

/** One line for each fault; where the two kinds of provider differ, what the list does stands first. */
export function render(rows: readonly (readonly [Row, Results])[]): string {
  const shown = columns.filter(({ isFor }) => isFor === undefined || rows.some(([row]) => isFor(row)))
  const lines = rows.map(([row, results]) => {
    const cells = shown.map(({ cell }) => [...new Set([...results.values()].map(cell))].join(' / '))
    return `| ${[row.fault, ...cells].join(' | ')} |\n`
  })
  const head = ['fault', ...shown.map(({ title }) => title)]
  return `| ${head.join(' | ')} |\n|${head.map(() => '---|').join('')}\n${lines.join('')}`
}

interface Column {
  readonly title: string
  readonly cell: (observed: Observed) => string
  /** The rows that need it; without it, all do. */
  readonly isFor?: (row: Row) => boolean
}

const columns: readonly Column[] = [
  { title: 'held before', cell: ({ held }) => code(held) },
  {
    title: 'the others',
    cell: ({ bystander }) => code(bystander ?? ''),
    isFor: ({ bystander }) => bystander !== undefined,
  },
  { title: 'first asked for now', cell: ({ first }) => code(first) },
  { title: '`/readyz`', cell: ({ ready }) => code(ready) },
  { title: 'the log', cell: ({ log }) => (log.length === 0 ? 'nothing' : log.map(code).join(', ')) },
  { title: 'calls', cell: ({ calls }) => String(calls) },
  { title: 'fresh again after', cell: ({ typicalMs }) => spoken(typicalMs) },
  { title: 'at the worst', cell: ({ worstMs }) => spoken(worstMs) },
  { title: 'a pod started meanwhile is ready after', cell: ({ start }) => readyAfter(start) },
]

function readyAfter(start: Observed['start']): string {
  if (start === undefined) return '—'
  return start.ready === '200' ? 'at once' : spoken(start.readyMs)
}

/** As code, and without what all codes of secrets begin with. */
function code(text: string): string {
  return text === '' ? '' : `\`${text.replace('SIDEKEEP_SECRET_', '')}\``
}

/** A time as people say it, rounded up to a second. */
export function spoken(ms: number): string {
  if (ms === 0) return 'at once'
  // What a product of floating-point numbers leaves behind is no second.
  const seconds = Math.ceil(ms / second - 1e-6)
  const [minutes, rest] = [Math.floor((seconds * second) / minute), seconds % 60]
  return [minutes > 0 ? `${minutes} min` : '', rest > 0 ? `${rest} s` : ''].filter(Boolean).join(' ')
}
