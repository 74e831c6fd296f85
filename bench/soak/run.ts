/** One run, from the first process to the verdict. */
import { Findings } from './findings.ts'
import { afterLoad, setUp, stopUnderLoad, underLoad } from './phases.ts'
import { Dice } from './random.ts'
import type { BudgetUse, Facts } from './report.ts'
import type { Sample } from './sampling.ts'
import { createScenario, initial, type Scenario } from './scenario.ts'
import { Sidecar } from './sidecar.ts'
import { type Growth, judgeBudget, judgeGrowth } from './verdict.ts'

export interface RunOptions {
  /** The bundle. */
  readonly entry: string
  /** For configuration, secrets on disk and the log. */
  readonly folder: string
  /** Of the load. */
  readonly seconds: number
  readonly seed: number
  /** Questions a second. */
  readonly rate: number
  /** Kinds of fault that do not happen; `reload`: the configuration does not change. */
  readonly without: ReadonlySet<string>
  /** Told what the run is doing. */
  readonly say: (words: string) => void
}

export async function run(options: RunOptions): Promise<Facts> {
  const { entry, folder, seconds, seed, rate, without, say } = options
  const dice = new Dice(seed)
  const findings = new Findings()
  const scenario = await createScenario(dice.fork(), folder)
  try {
    const config = scenario.config(initial)
    const sidecar = await Sidecar.start(entry, { folder, config, env: scenario.env, findings })
    try {
      const stage = await setUp({ sidecar, scenario, findings, rate, dice: dice.fork() })
      const { oracle, contract } = stage.scene.judges
      const features = Object.entries({ ...contract.features, reload: stage.canReload })
      say(`load; the process can ${features.flatMap(([name, can]) => (can ? [name] : [])).join(', ')}`)
      const loaded = await underLoad(stage, { seconds, dice: dice.fork(), without })
      say('after the load')
      if (sidecar.isRunning) await afterLoad(stage)
      say('stop under load')
      const stopMs = sidecar.isRunning ? await stopUnderLoad(stage) : undefined
      const growth = growthOf(loaded.samples, findings)
      const budgets = budgetsOf(scenario, findings)
      return {
        ...loaded,
        seed,
        seconds,
        tally: stage.scene.tally,
        rotationsMade: rotationsOf(scenario),
        rotationsSeen: oracle.rotationsSeen,
        growth,
        budgets,
        stopMs,
        findings: findings.lines,
      }
    } finally {
      await sidecar.kill()
    }
  } finally {
    await scenario.close()
  }
}

function rotationsOf({ rotating }: Scenario): number {
  let sum = 0
  for (const store of new Set(rotating.map(({ store }) => store))) sum += store.rotations
  return sum
}

function growthOf(samples: readonly Sample[], findings: Findings): readonly Growth[] {
  const growth = judgeGrowth(samples)
  if (growth === undefined) {
    findings.add('too few samples to tell growth', String(samples.length))
    return []
  }
  for (const { name, first, last, limit, grew } of growth) {
    const [from, to, most] = [first, last, limit].map((figure) => figure.toFixed(0))
    if (grew) findings.add('growth', `${name}: from ${from} to ${to}, at the most ${most}`)
  }
  return growth
}

/** A call that was given up may reach the backend's eye at the same moment as its successor. */
const overlap = 2

function budgetsOf({ backends, budgets }: Scenario, findings: Findings): BudgetUse[] {
  return backends.flatMap(({ name: backend, calls }) => {
    const budget = budgets.get(backend)
    if (budget === undefined) return []
    const { maxCallsPerSecond: perSecond, maxConcurrentCalls: concurrency } = budget
    const [mostInOne, mostInTen] = [calls.mostWithin(1_000), calls.mostWithin(10_000)]
    const { mostAtOnce } = calls
    const isWithin = judgeBudget(mostInOne, 1_000, perSecond) && judgeBudget(mostInTen, 10_000, perSecond)
    if (!isWithin) findings.add('beyond the budget', `${backend}: ${mostInOne} in 1 s, ${mostInTen} in 10 s`)
    if (mostAtOnce > concurrency + overlap)
      findings.add('too many calls at once', `${backend}: ${mostAtOnce}`)
    return [{ backend, calls: calls.count, perSecond, mostInOne, mostInTen, mostAtOnce, concurrency }]
  })
}
