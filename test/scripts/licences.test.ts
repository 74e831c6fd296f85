import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'
import t, { type Test } from 'tap'
import { licencesOf, renderLicences } from '../../scripts/lib/licences.ts'

interface Fake {
  readonly license?: unknown
  readonly author?: unknown
  readonly text?: string
}

/** A folder with packages, and what esbuild would say of a bundle that holds a file of each. */
function bundled(t: Test, packages: Record<string, Fake>, bytesInOutput = 1): [string, Metafile] {
  const root = t.testdir({
    node_modules: Object.fromEntries(
      Object.entries(packages).map(([name, { text, ...rest }]) => [
        name,
        {
          'package.json': JSON.stringify({ name, version: '1.0.0', ...rest }),
          ...(text === undefined ? {} : { 'LICENSE.md': text }),
        },
      ]),
    ),
  })
  const inputs = Object.fromEntries(
    Object.keys(packages).map((name) => [`node_modules/${name}/lib/index.js`, { bytesInOutput }]),
  )
  const output = {
    bytes: 1,
    imports: [],
    exports: [],
    inputs: { ...inputs, 'src/main.ts': { bytesInOutput } },
  }
  return [root, { inputs: {}, outputs: { 'dist/sidekeep.js': output } }]
}

t.test('permissive licences are collected in order, with their texts', async (t) => {
  const licences = licencesOf(
    ...bundled(t, {
      zeta: { license: 'ISC', text: 'the text of zeta\r\n' },
      alpha: { license: '(MIT OR GPL-3.0)', text: 'the text of alpha' },
      both: { license: 'MIT AND BSD-3-Clause', text: 'the text of both' },
    }),
  )
  t.strictSame(
    licences.map(({ name, text }) => `${name}: ${text}`),
    ['alpha: the text of alpha', 'both: the text of both', 'zeta: the text of zeta'],
  )
  t.match(renderLicences(licences), / {2}alpha 1\.0\.0 \(\(MIT OR GPL-3\.0\)\)\n[\s\S]*the text of zeta/)
})

t.test('a text that several packages have is there once, under all their names', async (t) => {
  const apache = { license: 'Apache-2.0', text: 'the one text' }
  const [root, metafile] = bundled(t, { a: apache, b: { license: 'ISC', text: 'another' }, c: apache })
  const text = renderLicences(licencesOf(root, metafile))
  t.match(text, /\na 1\.0\.0\nApache-2\.0\nc 1\.0\.0\nApache-2\.0\n-+\n\nthe one text\n/)
  t.equal(text.split('the one text').length, 2)
  t.match(text, /\nb 1\.0\.0\nISC\n-+\n\nanother\n/)
})

for (const license of [
  'GPL-3.0',
  'MIT AND GPL-3.0',
  '(GPL-2.0 OR AGPL-3.0)',
  'SEE LICENSE IN FILE',
  undefined,
  { type: 'MIT' },
]) {
  t.test(`a package under ${JSON.stringify(license)} fails the build`, async (t) => {
    const [root, metafile] = bundled(t, { strict: { license, text: 'text' } })
    t.throws(() => licencesOf(root, metafile), /strict@1\.0\.0 is bundled, and its licence/)
  })
}

t.test('a package of which nothing is in the bundle does not matter', async (t) => {
  t.strictSame(licencesOf(...bundled(t, { strict: { license: 'GPL-3.0' } }, 0)), [])
})

t.test('MIT without a text gets it, in the name of the author; others fail the build', async (t) => {
  const [mit] = licencesOf(...bundled(t, { bare: { license: 'MIT', author: { name: 'A. Author' } } }))
  t.match(mit?.text, /^Copyright \(c\) A\. Author\n[\s\S]*WITHOUT WARRANTY/)
  const [named] = licencesOf(...bundled(t, { bare: { license: 'MIT', author: 'B. Author' } }))
  t.match(named?.text, /^Copyright \(c\) B\. Author\n/)
  const [nobody] = licencesOf(...bundled(t, { bare: { license: 'MIT' } }))
  t.match(nobody?.text, /^Copyright \(c\) the authors of bare\n/)
  const [root, metafile] = bundled(t, { bare: { license: 'ISC' } })
  t.throws(() => licencesOf(root, metafile), /brings no licence text/)
})

t.test('Apache-2.0 without a text gets that of this program, which has the same', async (t) => {
  const [root, metafile] = bundled(t, { bare: { license: 'Apache-2.0' } })
  writeFileSync(join(root, 'LICENSE'), 'the text of the Apache License\r\n')
  t.strictSame(
    licencesOf(root, metafile).map(({ text }) => text),
    ['the text of the Apache License'],
  )
})
