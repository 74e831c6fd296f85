import { globSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { transformSync } from 'esbuild'

interface FileSummary {
  readonly lines: { readonly total: number; readonly covered: number }
}

export interface CoverageVerdict {
  readonly ok: boolean
  readonly message: string
}

/**
 * Holds the coverage of src/ to a threshold. A file that no test loads is not in tap's report at all and would raise
 * the percentage by its absence: here it counts as a failure of its own.
 * @param root the project's folder
 * @param summary istanbul's `json-summary` report, parsed
 * @param leastLines percent of lines
 */
export function judgeCoverage(
  root: string,
  summary: Record<string, FileSummary>,
  leastLines: number,
): CoverageVerdict {
  const covered = new Map<string, FileSummary>()
  for (const [file, figures] of Object.entries(summary)) {
    covered.set(relative(root, file).split(sep).join('/'), figures)
  }
  let lines = 0
  let linesCovered = 0
  const unloaded: string[] = []
  const uncovered: [file: string, lines: number][] = []
  for (const file of globSync('src/**/*.ts', { cwd: root }).sort()) {
    const figures = covered.get(file)
    if (figures !== undefined) {
      lines += figures.lines.total
      linesCovered += figures.lines.covered
      uncovered.push([file, figures.lines.total - figures.lines.covered])
    } else if (hasCode(join(root, file))) {
      unloaded.push(file)
    }
  }
  if (unloaded.length > 0) return { ok: false, message: `coverage: no test loads ${unloaded.join(', ')}` }
  if (lines === 0) return { ok: false, message: 'coverage: no line of src/ was covered' }
  const percent = (100 * linesCovered) / lines
  const message = `coverage: ${percent.toFixed(1)} % of the lines of src/, at least ${leastLines} % is asked`
  if (percent >= leastLines) return { ok: true, message }
  const worst = uncovered.toSorted(([, a], [, b]) => b - a).slice(0, 5)
  return {
    ok: false,
    message: `${message}; most uncovered lines: ${worst.map(([file, left]) => `${file} (${left})`).join(', ')}`,
  }
}

/** False for a file of types only: nothing of it is there at run time, so nothing can load it. */
function hasCode(file: string): boolean {
  const options = { loader: 'ts', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } } } as const
  return transformSync(readFileSync(file, 'utf8'), options).code.trim() !== ''
}
