/** The parts of a run, in their order: load and turmoil, recovery, the stop under load. */
import { setTimeout as pause } from 'node:timers/promises'
import { Client, doorHeaders } from './client.ts'
import { Contract } from './contract.ts'
import type { Findings } from './findings.ts'
import { Load } from './load.ts'
import { Oracle } from './oracle.ts'
import type { Dice } from './random.ts'
import { Reconfigure, reloadMetric } from './reconfigure.ts'
import { leftover, recovered, settled } from './recovery.ts'
import { processorSeconds, type Sample, startSampler } from './sampling.ts'
import { type Scenario, shutdownTimeout } from './scenario.ts'
import type { Scene } from './scene.ts'
import type { Sidecar } from './sidecar.ts'
import { Tags } from './tags.ts'
import { Tally } from './tally.ts'
import { Turmoil } from './turmoil.ts'
import { judgeLeftover, type Leftover } from './verdict.ts'

/** What all parts work with. */
export interface Stage {
  readonly sidecar: Sidecar
  readonly scenario: Scenario
  readonly findings: Findings
  readonly scene: Omit<Scene, 'over'>
  readonly canReload: boolean
  readonly rate: number
  /** What the process held open before anybody asked it. */
  readonly before: Leftover
}

export interface UnderLoad {
  readonly samples: readonly Sample[]
  readonly injected: ReadonlyMap<string, number>
  readonly reloads: { readonly changes: number; readonly mistakes: number } | undefined
  /** Processor time per second. */
  readonly processorShare: number
  /** How long after the last fault everything was current again, in milliseconds; undefined where it did not come. */
  readonly recoveredMs: number | undefined
}

/** Samples enough for thirds, and not so many that scrapes are the load. In milliseconds. */
const sampleEvery = (seconds: number): number => Math.min(5_000, (seconds * 1_000) / 40)
/** How long the load runs before the stop under it, in milliseconds. */
const loadBeforeStop = 1_500
/** Open connections to the API: more than callers, so that one who waits holds nobody up. */
const connections = 32

/** Asks the process what it can do, and sets everything up. */
export async function setUp(
  options: Pick<Stage, 'sidecar' | 'scenario' | 'findings' | 'rate'> & { readonly dice: Dice },
): Promise<Stage> {
  const { sidecar, scenario, findings, rate, dice } = options
  const before = await leftover(sidecar.pid, scenario)
  const clients = await connect(sidecar)
  const { body: document } = await clients.api.ask({ path: '/openapi.json' })
  const { body: scrape } = await clients.ops.ask({ path: '/metrics', headers: doorHeaders })
  const contract = new Contract(JSON.parse(document.toString('utf8')), findings)
  const judges = { oracle: new Oracle(findings), tags: new Tags(findings), contract, findings }
  const scene = {
    ...clients,
    dice: dice.fork(),
    subjects: scenario.subjects,
    judges,
    tally: new Tally(),
    kept: new Map(),
    phase: { stopping: false },
  }
  return { sidecar, scenario, findings, rate, before, scene, canReload: scrape.includes(reloadMetric) }
}

async function connect(sidecar: Sidecar): Promise<Pick<Scene, 'api' | 'ops' | 'proxy'>> {
  const { api, ops, proxy } = await sidecar.addresses
  return { api: new Client(api, connections), ops: new Client(ops, 2), proxy: new Client(proxy, 8) }
}

/** Load and turmoil for a time, and how all gets well again; ends early where the process does. */
export async function underLoad(
  { sidecar, scenario, scene, rate, canReload, findings }: Stage,
  options: { readonly seconds: number; readonly dice: Dice; readonly without: ReadonlySet<string> },
): Promise<UnderLoad> {
  const { seconds, dice, without } = options
  const { contract } = scene.judges
  const turmoil = new Turmoil({ scenario, dice: dice.fork(), without })
  const load = new Load({ scene, features: contract.features, rate })
  const reconfigure =
    canReload && !without.has('reload')
      ? new Reconfigure({ sidecar, scenario, dice: dice.fork() })
      : undefined
  const sampler = startSampler({
    pid: sidecar.pid,
    ops: scene.ops,
    contract,
    everyMs: sampleEvery(seconds),
  })
  const processorBefore = await processorSeconds(sidecar.pid)
  turmoil.start()
  load.start()
  reconfigure?.start()
  const deadline = performance.now() + seconds * 1_000
  while (sidecar.isRunning && performance.now() < deadline) {
    await pause(Math.min(500, Math.max(0, deadline - performance.now())))
  }
  const processorShare = ((await processorSeconds(sidecar.pid)) - processorBefore) / seconds
  await sampler.stop()
  await reconfigure?.stop()
  await turmoil.stop()
  // Those who wait or read slowly come to their end meanwhile.
  const ended = load.stop()
  // A process that has ended was told of already.
  const recovery = sidecar.isRunning ? await recovered(scene.api, scenario) : undefined
  if (typeof recovery === 'object') findings.add('not current again', recovery.join(', '))
  await ended
  return {
    recoveredMs: typeof recovery === 'number' ? recovery : undefined,
    samples: sampler.samples,
    injected: turmoil.injected,
    reloads: reconfigure && { changes: reconfigure.changes, mistakes: reconfigure.mistakes },
    processorShare,
  }
}

/** Everybody has left: what the load made the process hold open has to be let go. */
export async function afterLoad({ sidecar, scenario, scene, findings, before }: Stage): Promise<void> {
  for (const client of [scene.api, scene.ops, scene.proxy]) client.close()
  const left = judgeLeftover(before, await settled(sidecar.pid, scenario, before))
  if (left !== undefined) findings.add('left open after the load', left)
}

/** SIGTERM while everybody asks. @returns how long the stop took, in milliseconds */
export async function stopUnderLoad({ sidecar, scene, findings, rate }: Stage): Promise<number> {
  const clients = await connect(sidecar)
  // Counted apart: the report is on what came before.
  const last = { ...scene, ...clients, tally: new Tally() }
  const load = new Load({ scene: last, features: scene.judges.contract.features, rate })
  load.start()
  await pause(loadBeforeStop)
  scene.phase.stopping = true
  const { code, signal, tookMs } = await sidecar.stop()
  await load.stop()
  for (const client of Object.values(clients)) client.close()
  if (code !== 0 || tookMs > shutdownTimeout) {
    findings.add('a stop under load that failed', `exit code ${code}, ${signal}, ${Math.round(tookMs)} ms`)
  }
  if (sidecar.said('stopped') !== 1) findings.add('a stop that was not told', 'no line "stopped"')
  return tookMs
}
