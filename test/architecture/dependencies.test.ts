import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Edge, edgesOf } from '../support/imports/graph.ts'

interface Package {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly hasInstallScript?: boolean
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

const root = join(import.meta.dirname, '..', '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const lock: { packages: Record<string, Package> } = JSON.parse(
  readFileSync(join(root, 'package-lock.json'), 'utf8'),
)
const production = new Set(Object.keys(manifest.dependencies ?? {}))
const development = new Set(Object.keys(manifest.devDependencies ?? {}))

const none = (t: Test, found: readonly string[]): void => {
  t.equal(found.length, 0, found.join('\n'))
}

const strangers = (folder: string, edges: readonly Edge[], known: ReadonlySet<string>): string[] =>
  edges
    .filter(({ pkg }) => pkg !== undefined && !known.has(pkg))
    .map(
      ({ from, line, pkg }) => `${folder}/${from}:${line} imports ${pkg}, which package.json does not name`,
    )

t.test('the program imports production dependencies only, and every one of them', async (t) => {
  const edges = await edgesOf(join(root, 'src'))
  none(t, strangers('src', edges, production))
  const imported = new Set(edges.map(({ pkg }) => pkg))
  none(
    t,
    [...production].filter((name) => !imported.has(name)).map((name) => `nothing in src/ imports ${name}`),
  )
})

t.test('tests, scripts and benchmarks import only what package.json names', async (t) => {
  const known = new Set([...production, ...development])
  for (const folder of ['test', 'scripts', 'bench']) {
    none(t, strangers(folder, await edgesOf(join(root, folder)), known))
  }
})

t.test('the lock file is complete, so that npm ci works on every platform', async (t) => {
  const missing: string[] = []
  for (const [place, { dependencies, optionalDependencies }] of Object.entries(lock.packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!isLocked(place, name)) missing.push(`${place} needs ${name}, which package-lock.json lacks`)
    }
  }
  none(t, missing)
})

/** As Node looks packages up: beside the one that asks, then in each folder above. */
function isLocked(place: string, name: string): boolean {
  for (let at = place; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    if (lock.packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`] !== undefined)
      return true
    if (at === '') return false
  }
}

t.test('the lock file pins the content of every package and names no registry', async (t) => {
  const packages = Object.entries(lock.packages).filter(([place]) => place !== '')
  none(
    t,
    packages
      .filter(([, { integrity }]) => integrity === undefined)
      .map(([place]) => `${place} has no integrity`),
  )
  none(
    t,
    packages
      .filter(([, { resolved }]) => resolved !== undefined)
      .map(([place]) => `${place} names where it came from`),
  )
})

t.test('only packages that are named for it may run a script while they are installed', async (t) => {
  const scripted = Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length))
  t.strictSame(new Set(scripted), new Set(Object.keys(manifest.allowScripts)))
})

t.test('the pinned Node is an exact version, and what is shipped runs on older ones too', async (t) => {
  t.match(manifest.devDependencies.node, /^\d+\.\d+\.\d+$/)
  t.equal(readFileSync(join(root, '.nvmrc'), 'utf8').trim(), manifest.devDependencies.node)
  t.equal(manifest.engines.node, '>=24')
})
