/** The Dockerfile, as far as it can be tried without a registry: what it copies is what a build wants. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..', '..')
const dockerfile = readFileSync(join(root, 'docker/Dockerfile'), 'utf8')

/** What is copied from the checkout: each source with where it goes, below the working directory. */
const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) (\S+)$/gm)].flatMap(
  ([, sources = '', to = '']) =>
    sources.split(' ').map((source) => ({ source: source.replace(/\/$/, ''), to })),
)

t.test('all that is copied gets past the list of what takes part', async (t) => {
  t.ok(copied.length >= 6, `${copied.length} sources`)
  const ignored = readFileSync(join(root, 'docker/Dockerfile.dockerignore'), 'utf8').split('\n')
  t.ok(ignored.includes('*'), 'nothing takes part that is not named')
  const named = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  t.strictSame(named.toSorted(), copied.map(({ source }) => source).toSorted())
})

t.test('what is copied is enough for the bundle, and for the program as the image has it', async (t) => {
  const folder = t.testdir({ src: {}, dist: {} })
  const checkout = join(folder, 'src')
  for (const { source, to } of copied) {
    // A file goes into the folder that is named, a folder's content becomes that folder's.
    const target = statSync(join(root, source)).isDirectory() ? to : join(to, basename(source))
    mkdirSync(dirname(join(checkout, target)), { recursive: true })
    cpSync(join(root, source), join(checkout, target), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
  const built = spawnSync(
    process.execPath,
    [join(checkout, 'scripts/build.ts'), '--outdir', join(folder, 'dist')],
    {
      encoding: 'utf8',
      env: {},
    },
  )
  t.equal(built.status, 0, built.stderr)
  for (const script of [
    'image-code.ts',
    'image-sbom.ts',
    '../docker/assemble-rootfs',
    '../docker/executable/begin.cjs',
  ])
    t.ok(existsSync(join(checkout, 'scripts', script)), script)
})
