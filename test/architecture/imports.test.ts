import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fileCircles, roomCircles } from '../support/imports/circles.ts'
import { edgesOf } from '../support/imports/graph.ts'
import { violationsOf } from '../support/imports/rules.ts'

const src = join(import.meta.dirname, '..', '..', 'src')
const edges = await edgesOf(src)

/** Shown as text, so that a failure reads as a list and not as a diff. */
const none = (t: Test, found: readonly string[]): void => {
  t.equal(found.length, 0, found.join('\n'))
}

t.test('the sources were found and read', async (t) => {
  t.ok(edges.length > 100, 'there are imports to judge')
  const missing = edges.filter(({ file }) => file !== undefined && !existsSync(join(src, file)))
  none(
    t,
    missing.map(({ from, specifier }) => `src/${from} imports ${specifier}, which is not there`),
  )
})

t.test('every import keeps the rules of who may import whom', async (t) => none(t, violationsOf(edges)))

t.test('no files import each other in a circle', async (t) => none(t, fileCircles(edges)))

t.test('no rooms import each other in a circle, not even for types', async (t) => none(t, roomCircles(edges)))

t.test('tests take fast-check with its one seed', async (t) => {
  const test = join(import.meta.dirname, '..')
  const found = globSync('**/*.ts', { cwd: test }).filter(
    (file) =>
      file !== join('support', 'property.ts') &&
      / from 'fast-check'/.test(readFileSync(join(test, file), 'utf8')),
  )
  none(
    t,
    // This line is one of them.
    found.filter((file) => file !== join('architecture', 'imports.test.ts')),
  )
})
