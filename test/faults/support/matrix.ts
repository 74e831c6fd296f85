import type { Test } from 'tap'
import type { Mode } from './configuration.ts'
import { observe } from './observe.ts'
import { judgeOutputs } from './outputs.ts'
import { type Expected, type Observed, type Row, usual } from './row.ts'
import { type Results, render, sectionOf, writeSection } from './table.ts'

/** Set by `npm run reliability`: the page is written anew instead of being compared. */
const writes = process.env.SIDEKEEP_WRITE_RELIABILITY === '1'

/**
 * Runs each fault, holds what is seen against what the row expects, and the whole against the table of that name in
 * docs/reliability.md: the page says what was observed, or the test fails. Under each fault all outputs are seen, and none
 * may carry a value or a credential.
 */
export async function faultMatrix(t: Test, name: string, rows: readonly Row[]): Promise<void> {
  const seen: [Row, Results][] = []
  for (const row of rows) {
    const results = new Map<Mode, Observed>()
    for (const mode of row.modes ?? (['list', 'keys'] as const)) {
      const title = `${row.id}, ${mode === 'list' ? 'one list' : 'one URL a key'}: ${plain(row.fault)}`
      await t.test(title, async (t) => {
        const observed = await observe(t, row, mode)
        judge(t, observed, row.expected, mode)
        results.set(mode, observed)
        await judgeOutputs(t, row, mode)
      })
    }
    seen.push([row, results])
  }
  await t.test('docs/reliability.md shows what was observed', async (t) => {
    const text = render(seen)
    if (writes) writeSection(`faults-${name}`, text)
    t.equal(sectionOf(`faults-${name}`), text, 'otherwise: npm run reliability')
  })
}

function judge(t: Test, observed: Observed, row: Expected, mode: Mode): void {
  const expected = { ...usual, ...row }
  t.equal(observed.held, of(expected.held, mode), 'a secret that was held before')
  t.equal(observed.first, of(expected.first, mode), 'a secret asked for the first time')
  t.equal(observed.ready, of(expected.ready, mode), '/readyz')
  t.equal(observed.bystander, expected.bystander, 'a secret that the fault does not touch')
  if (expected.log !== undefined) t.strictSame(observed.log, logOf(expected.log, mode), 'the log')
  atMost(t, observed.calls, of(expected.callsAtMost, mode), 'calls')
  atMost(t, observed.typicalMs, expected.freshWithinMs, 'ms until it is fresh again, as a rule')
  atMost(t, observed.worstMs, expected.freshWithinMs, 'ms until it is fresh again, at the worst')
  if (observed.start === undefined) return
  t.equal(observed.start.held, of(expected.start, mode), 'a secret of a sidecar that starts meanwhile')
  atMost(t, observed.start.readyMs, expected.readyWithinMs, 'ms until that one is ready')
}

function of<T extends string | number>(value: T | Readonly<Record<Mode, T>>, mode: Mode): T {
  return typeof value === 'object' ? value[mode] : value
}

function logOf(log: NonNullable<Expected['log']>, mode: Mode): readonly string[] {
  return 'list' in log ? log[mode] : log
}

function atMost(t: Test, value: number, bound: number, what: string): void {
  t.ok(value <= bound, `${value} ${what}: at most ${bound}`)
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}
