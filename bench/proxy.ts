/**
 * `npm run bench:proxy [-- --quick] [-- --only NAME] [-- --write]`: builds the bundle, and measures its proxy beside its
 * peers in one run; NAME is one of the parts below. `--write` puts the tables into docs/performance.md. Programs that are
 * not installed cost their own rows only.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchAccuracy } from './proxy/accuracy.ts'
import { listOf } from './proxy/aims.ts'
import { benchIdle } from './proxy/idle.ts'
import { benchKeys } from './proxy/keys.ts'
import { listed, type Part } from './proxy/part.ts'
import { Missing } from './proxy/programs.ts'
import { openScene, type Scene } from './proxy/scene.ts'
import { benchStreams } from './proxy/streams.ts'
import { whyLeftOut } from './proxy/subject.ts'
import { benchThroughput } from './proxy/throughput.ts'
import { machine } from './support/machine.ts'
import { writeSection } from './support/marked-section.ts'

/** `name` is what `--only` takes, `mark` where docs/performance.md has the figures. */
interface Measurement {
  readonly name: string
  readonly mark: string
  run(scene: Scene, quick: boolean): Promise<Part>
}

const parts: readonly Measurement[] = [
  { name: 'throughput', mark: 'proxy', run: benchThroughput },
  { name: 'streams', mark: 'proxy streams', run: benchStreams },
  { name: 'idle', mark: 'proxy idle', run: benchIdle },
  { name: 'keys', mark: 'proxy keys', run: benchKeys },
  { name: 'accuracy', mark: 'proxy accuracy', run: benchAccuracy },
]

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, write: { type: 'boolean' } },
})
const page = new URL('../docs/performance.md', import.meta.url)
const { only, quick = false, write = false } = values
const wanted = parts.filter(({ name }) => only === undefined || name === only)
if (wanted.length === 0) throw new Error(`--only wants one of ${parts.map(({ name }) => name).join(', ')}`)

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const scene = await openScene()
try {
  const where = `${machine('wrk')} ${scene.cores.description} The upstream is ${scene.upstream.name}.`
  process.stdout.write(`${where}\n`)
  for (const { name, mark, run } of wanted) {
    process.stdout.write(`\n${name}\n\n`)
    try {
      const report = reportOf(await run(scene, quick))
      process.stdout.write(`${report}\n`)
      if (write) writeSection(page, mark, mark === 'proxy' ? listed(where, report) : report)
    } catch (error) {
      // The other parts took their time too.
      process.stdout.write(`${whyLeftOut(name, error)}\n`)
      if (!(error instanceof Missing)) process.exitCode = 1
    }
  }
} finally {
  await scene.close()
}

function reportOf({ text, aims }: Part): string {
  return listed(text, aims.length === 0 ? undefined : listOf(aims))
}
