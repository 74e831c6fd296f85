/** The report of a run, in Markdown. */
import { mebibytes, table } from '../support/statistics.ts'
import type { Sample } from './sampling.ts'
import type { Tally } from './tally.ts'
import type { Growth, Measure } from './verdict.ts'

export interface BudgetUse {
  readonly backend: string
  readonly calls: number
  readonly perSecond: number
  /** The most calls within any second and within any ten of them, and the most at once. */
  readonly mostInOne: number
  readonly mostInTen: number
  readonly mostAtOnce: number
  readonly concurrency: number
}

export interface Facts {
  readonly seed: number
  /** Of the load, in seconds. */
  readonly seconds: number
  readonly tally: Tally
  readonly injected: ReadonlyMap<string, number>
  readonly rotationsMade: number
  readonly rotationsSeen: number
  readonly samples: readonly Sample[]
  readonly growth: readonly Growth[]
  readonly budgets: readonly BudgetUse[]
  /** How long after the last fault every secret was current and fresh, in milliseconds. */
  readonly recoveredMs: number | undefined
  /** Of configuration changes, where the process can do that. */
  readonly reloads: { readonly changes: number; readonly mistakes: number } | undefined
  /** How long the stop under load took, in milliseconds; undefined where the process had ended before. */
  readonly stopMs: number | undefined
  /** Processor time of the sidecar per second of the run. */
  readonly processorShare: number
  readonly findings: readonly string[]
}

const memory: readonly Measure[] = ['heapUsed', 'rss']

export function render(facts: Facts): string {
  const { tally, injected, growth, budgets } = facts
  const perSecond = (tally.total / facts.seconds).toFixed(0)
  const lines = [
    `${duration(facts.seconds)} of load, ${perSecond} requests/s, seed ${facts.seed}: ${
      facts.findings.length === 0 ? 'no wrong answer, no growth.' : '**failed**.'
    }`,
    table(
      ['what', 'measured'],
      [
        [
          'plain reads while faults ran, p50 / p99',
          `${ms(tally.quantile(0.5))} / ${ms(tally.quantile(0.99))}`,
        ],
        ['rotations made / seen by callers', `${facts.rotationsMade} / ${facts.rotationsSeen}`],
        ['faults', [...injected].map(([fault, count]) => `${count} × ${fault}`).join(', ') || 'none'],
        ['configuration changes', reloadsOf(facts)],
        ['every secret current again after the last fault', recovery(facts.recoveredMs)],
        ['stop under load', facts.stopMs === undefined ? 'it had ended before' : ms(facts.stopMs)],
        ['processor time of the sidecar', `${(facts.processorShare * 100).toFixed(0)} % of a core`],
      ],
    ),
    table(
      ['requests', 'answers'],
      tally.rows.map(([kind, outcomes]) => [
        kind,
        outcomes.map(([outcome, count]) => `${count} × ${outcome}`).join(', '),
      ]),
    ),
    table(
      ['median of', 'first third', 'last third', 'limit'],
      growth.map(({ measure, name, first, last, limit }) => [
        name,
        ...[first, last, limit].map((value) =>
          memory.includes(measure) ? mebibytes(value) : value.toFixed(0),
        ),
      ]),
    ),
    table(
      ['backend', 'calls', 'most within 1 s', 'most within 10 s', 'budget a second', 'at once', 'cap'],
      budgets.map((use) => [
        use.backend,
        String(use.calls),
        String(use.mostInOne),
        String(use.mostInTen),
        String(use.perSecond),
        String(use.mostAtOnce),
        String(use.concurrency),
      ]),
    ),
    ...(facts.findings.length === 0 ? [] : [`\`\`\`\n${facts.findings.join('\n')}\n\`\`\``]),
  ]
  return lines.join('\n\n')
}

function reloadsOf({ reloads }: Facts): string {
  if (reloads === undefined) return 'none'
  return `${reloads.changes} applied, ${reloads.mistakes} refused`
}

function recovery(recoveredMs: number | undefined): string {
  return recoveredMs === undefined ? 'never' : `${(recoveredMs / 1_000).toFixed(1)} s`
}

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`
}

function duration(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}
