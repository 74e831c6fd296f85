/**
 * `npm run bench:image [-- --quick] [-- --long [--limit MIB]…] [-- --only NAME] [-- --cache FOLDER] [-- --write]`:
 * Sidekeep's own image beside one as one would make it by the usual recipe, in one run, by turns; NAME is one of the parts
 * below. `--long` adds ten minutes of load under the limits that matter (48 and 64 MiB, or those that are named), `--cache`
 * keeps Debian's files for the next run, and `--write` puts the tables into docs/performance.md. As root, on Linux with
 * podman; what is missing it says.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildImages, type Images } from './image/images.ts'
import { benchLimits, ladder, ladderFromDisk } from './image/limits.ts'
import { benchMemory } from './image/memory.ts'
import { readAhead } from './image/pages.ts'
import { removeAll, usePodman } from './image/podman.ts'
import { demandMachine } from './image/requirements.ts'
import { Scene } from './image/scene.ts'
import { benchSize } from './image/size.ts'
import { benchStart } from './image/start.ts'
import { machine } from './support/machine.ts'
import { writeSection } from './support/marked-section.ts'

/** `name` is what `--only` takes, `mark` where docs/performance.md has the figures. */
interface Measurement {
  readonly name: string
  readonly mark: string
  run(scene: Scene, images: Images): Promise<string>
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    long: { type: 'boolean' },
    only: { type: 'string' },
    limit: { type: 'string', multiple: true, default: ['48', '64'] },
    cache: { type: 'string' },
    write: { type: 'boolean' },
  },
})
const { quick = false, only, write = false } = values
const rounds = quick ? 2 : 5
/** Seconds. */
const loaded = quick ? 5 : 30
const tries = quick ? 1 : 3
const limits = { pages: 'in memory', tries, loaded, all: false } as const
const long = { ...limits, limits: values.limit.map(Number), tries: 1, loaded: 600, all: true }

/** Those that `--long` alone runs. */
const longer = new Set(['long'])
const parts: readonly Measurement[] = [
  { name: 'size', mark: 'image', run: (_, images) => benchSize(images) },
  { name: 'start', mark: 'image start', run: (...of) => benchStart(...of, rounds) },
  { name: 'memory', mark: 'image memory', run: (...of) => benchMemory(...of, { rounds, loaded }) },
  { name: 'limits', mark: 'image limits', run: (...of) => benchLimits(...of, { ...limits, limits: ladder }) },
  {
    name: 'disk',
    mark: 'image disk',
    run: async (...of) => {
      // Each that fails takes its time to.
      const steps = quick ? [64, 128, 256] : ladderFromDisk
      const text = await benchLimits(...of, { ...limits, limits: steps, pages: 'on disk', tries: 1 })
      const ahead = readAhead(folder)
      return ahead === undefined
        ? text
        : `${text}\n\nThe kernel reads ${ahead} KiB ahead from this disk; its default is 128 KiB.`
    },
  },
  // 48 MiB is what is aimed at, 64 what the manifests give.
  { name: 'long', mark: 'image long', run: (...of) => benchLimits(...of, long) },
]
const wanted = parts.filter(({ name }) =>
  only === undefined ? values.long === true || !longer.has(name) : name === only,
)
if (wanted.length === 0) throw new Error(`--only wants one of ${parts.map(({ name }) => name).join(', ')}`)
demandMachine()

const page = new URL('../docs/performance.md', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'sidekeep-bench-image-'))
const cache = values.cache === undefined ? join(folder, 'cache') : resolve(values.cache)
const given = quick ? 'The quick form of the run (`--quick`): few rounds, a short load.' : undefined
// Containers, images and files go however it ends.
process.once('exit', () => {
  removeAll()
  rmSync(folder, { recursive: true, force: true })
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
usePodman(folder)
const images = await buildImages(folder, cache)
const scene = await Scene.open(folder)
const where = [machine('a process that holds a rate'), images.description, given]
  .filter((paragraph) => paragraph !== undefined)
  .join('\n\n')
process.stdout.write(`${where}\n`)
for (const { name, mark, run } of wanted) {
  const text = await run(scene, images)
  process.stdout.write(`\n${name}\n\n${text}\n`)
  if (write) writeSection(page, mark, name === 'size' ? `${where}\n\n${text}` : text)
}
scene.close()
