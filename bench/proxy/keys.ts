/** Many keys that all owe something: what they cost in memory and in time. */
import { memoryOf } from '../support/memory.ts'
import { mebibytes, median, ratio, table } from '../support/statistics.ts'
import { inTurn, type Load, measure } from './measure.ts'
import type { Part } from './part.ts'
import { paths } from './paths.ts'
import { locate } from './programs.ts'
import type { Scene } from './scene.ts'
import { heldMemory, type Sidekeep, startSidekeep } from './sidekeep.ts'
import type { Run } from './throughput-report.ts'

interface Effort {
  readonly keys: number
  /** Fewer than there are keys. */
  readonly few: number
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

const quickly: Effort = { keys: 20_000, few: 10_000, rounds: 1, seconds: 1, warmUpSeconds: 2 }
/** `few` is the default of `maxKeys`. */
const thoroughly: Effort = { keys: 100_000, few: 50_000, rounds: 5, seconds: 4, warmUpSeconds: 10 }

const connections = 32
/** How much longer than it should take, so that every key was seen though the process is slower by then. */
const fillFactor = 2

interface Kind {
  readonly name: string
  readonly keys: number
  readonly maxKeys: number
  /** How many the table must hold in the end. */
  readonly held: number
}

interface Memory {
  /** KiB. */
  readonly rss: number
  /** In use once all garbage is collected, in bytes. */
  readonly heap: number
}

interface Filled extends Kind {
  readonly sidekeep: Sidekeep
  readonly load: Load
  readonly before: Memory
  readonly after: Memory
}

export async function benchKeys(scene: Scene, quick: boolean): Promise<Part> {
  locate('wrk')
  const effort = quick ? quickly : thoroughly
  const { keys, few, rounds, seconds } = effort
  const all = keys.toLocaleString('en')
  const kinds: readonly Kind[] = [
    { name: 'one key', keys: 1, maxKeys: keys, held: 1 },
    { name: `${all} keys, \`maxKeys: ${keys}\``, keys, maxKeys: keys, held: keys },
    { name: `${all} keys, \`maxKeys: ${few}\``, keys, maxKeys: few, held: few },
  ]
  const filled: Filled[] = []
  try {
    for (const kind of kinds) filled.push(await fill(scene, kind, effort))
    const runs = await inTurn(filled, rounds, ({ sidekeep, load }) =>
      measure(sidekeep, load, seconds, scene.cores),
    )
    return { text: tableOf(filled, runs), aims: [] }
  } finally {
    await Promise.all(filled.map(({ sidekeep }) => sidekeep.stop()))
  }
}

/** Warm with one key, then with all of its keys for at least as long. */
async function fill(scene: Scene, kind: Kind, { warmUpSeconds }: Effort): Promise<Filled> {
  const { name, keys, maxKeys, held } = kind
  // A minute's debt for each request, so that no key is forgotten before its next turn; one alone would use up any burst.
  const rate = keys === 1 ? '1000000/s' : '1/m'
  const limit = { name: 'by-key', key: 'header:X-Api-Key', rate, burst: 1_000_000, maxKeys }
  const sidekeep = await startSidekeep(scene, { name, proxy: { limits: [limit] }, collects: true })
  try {
    const scripted = async (count: number): Promise<Load> => ({
      path: paths.small,
      connections,
      script: await scene.write(`keys-${count}.lua`, script(count)),
    })
    const load = await scripted(keys)
    const warm = await measure(sidekeep, await scripted(1), warmUpSeconds, scene.cores)
    const before = await memory(sidekeep)
    const enough = Math.ceil((keys / warm.requestsPerSecond) * fillFactor)
    await measure(sidekeep, load, Math.max(warmUpSeconds, enough), scene.cores)
    const found = await sidekeep.metric('sidekeep_proxy_limit_keys')
    if (keys > 1 && found !== held) throw new Error(`${name}: the table holds ${found} keys, not ${held}`)
    return { ...kind, sidekeep, load, before, after: await memory(sidekeep) }
  } catch (error) {
    await sidekeep.stop()
    throw error
  }
}

/** RSS first: as the load left it. */
async function memory(sidekeep: Sidekeep): Promise<Memory> {
  const { rss } = memoryOf(sidekeep.pid)
  return { rss, heap: await heldMemory(sidekeep) }
}

/** One key after the other, from somewhere on; all of one length. */
function script(keys: number): string {
  return `local at = os.time() * 7919 % ${keys}
function request()
  at = at % ${keys} + 1
  return wrk.format("GET", nil, { ["X-Api-Key"] = string.format("key-%07d", at) })
end
`
}

function tableOf(filled: readonly Filled[], runs: readonly Run[][]): string {
  const [one] = filled
  const [base = []] = runs
  const heap = ({ before, after }: Filled): number => after.heap - before.heap
  const rows = filled.map((kind, at) => {
    const own = runs[at] ?? []
    const against = (of: (run: Run) => number): string =>
      ratio(median(own.map((run, round) => of(run) / of(base[round] ?? run))))
    const cpu = (run: Run): number => (run.cpu ?? Number.NaN) * 1e6
    // What a process grows by that has the same load with one key is no key's.
    const bytes = one === undefined || kind === one ? undefined : (heap(kind) - heap(one)) / kind.held
    return [
      kind.name,
      mebibytes(kind.after.rss - kind.before.rss),
      mebibytes(heap(kind) / 1_024),
      bytes === undefined ? '' : `${bytes.toFixed(0)} B`,
      median(own.map((run) => run.requestsPerSecond)).toFixed(0),
      against((run) => run.requestsPerSecond),
      `${median(own.map((run) => run.p99)).toFixed(2)} ms`,
      `${median(own.map(cpu)).toFixed(1)} µs`,
      against(cpu),
      String(own.reduce((sum, run) => sum + run.errors, 0)),
    ]
  })
  const head = [
    'a limit by header',
    'RSS grew by',
    'heap in use grew by',
    'of it for each key that is held',
    'requests/s',
    'ratio',
    'p99',
    'CPU a request',
    'ratio of CPU',
    'errors',
  ]
  return table(head, rows)
}
