/** Test points as tap counts them: assertions, in whatever depth of subtests. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Skipped or todo: neither passed nor failed. */
  readonly left: number
}

const summary = /^# \{ (total: .*) \}$/

/** The counts that tap writes at the end of its own TAP stream; undefined where the stream broke off before. */
export function countsOf(tap: string): Counts | undefined {
  const line = tap.split('\n').findLast((candidate) => summary.test(candidate))
  const body = line === undefined ? undefined : summary.exec(line)?.[1]
  if (body === undefined) return undefined
  const fields = new Map<string, number>()
  for (const field of body.split(', ')) {
    const [name = '', value] = field.split(': ')
    fields.set(name, Number(value))
  }
  return {
    passed: fields.get('pass') ?? 0,
    failed: fields.get('fail') ?? 0,
    left: (fields.get('skip') ?? 0) + (fields.get('todo') ?? 0),
  }
}

const point = /^( *)(not ok|ok) \d+( - .*)?$/
const subtest = /^( *)# Subtest: (.*)$/

/**
 * The failed points of a TAP stream with their diagnostics, each under the path of its subtests. A subtest that failed
 * only because something in it failed is left out: its inner point says more.
 */
export function failuresOf(tap: string): string[] {
  const lines = tap.split('\n')
  const failures: string[] = []
  const names: string[] = []
  let deepestFailure = -1
  for (const [index, line] of lines.entries()) {
    const opened = subtest.exec(line)
    if (opened !== null) {
      const depth = depthOf(opened[1])
      names.length = depth
      names[depth] = opened[2] ?? ''
      continue
    }
    const found = point.exec(line)
    if (found === null) continue
    const depth = depthOf(found[1])
    if (found[2] === 'not ok' && !/# (SKIP|TODO)\b/i.test(line)) {
      const isParent = deepestFailure > depth
      if (!isParent)
        failures.push([...names.slice(0, depth), line.trim(), ...diagnosticsAfter(lines, index)].join('\n'))
      deepestFailure = depth
    } else if (deepestFailure > depth) {
      deepestFailure = -1
    }
  }
  return failures
}

/** Of a failure of `failuresOf` in one line: the path of its subtests, its point, and its first words where it has any. */
export function nameOf(failure: string): string {
  const lines = failure.split('\n')
  const at = lines.findIndex((line) => line.startsWith('not ok '))
  const path = [...lines.slice(0, at), (lines[at] ?? '').replace(/^not ok \d+( - )?/, '')]
  return path
    .filter((part) => part !== '')
    .join(' > ')
    .slice(0, 400)
}

function depthOf(indent: string | undefined): number {
  return (indent ?? '').length / 4
}

/** The YAML block under a point, where it has one. */
function diagnosticsAfter(lines: readonly string[], index: number): string[] {
  if (lines[index + 1]?.trim() !== '---') return []
  const end = lines.findIndex((line, at) => at > index && line.trim() === '...')
  return lines.slice(index + 2, end === -1 ? undefined : end)
}
