/**
 * Builds what is shipped: `dist/sidekeep.js` with its chunks, which run alone, without node_modules, on Node 24 or
 * newer, and the licences of everything in them. The same sources give the same bytes.
 *
 *     npm run build [-- --outdir FOLDER]
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './lib/bundle.ts'
import { licencesOf, renderLicences } from './lib/licences.ts'

const root = dirname(import.meta.dirname)

const { values } = parseArgs({
  options: {
    outdir: { type: 'string', default: join(root, 'dist') },
  },
})
const outdir = resolve(values.outdir)

// Chunks are named after their content: those of an earlier build would stay and be shipped.
rmSync(join(outdir, 'chunks'), { recursive: true, force: true })
mkdirSync(outdir, { recursive: true })

const metafile = await bundle({ root, outdir })
writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES.txt'), renderLicences(licencesOf(root, metafile)))

for (const [file, output] of Object.entries(metafile.outputs).sort(([, a], [, b]) => b.bytes - a.bytes)) {
  if (file.endsWith('.js')) {
    const kib = (output.bytes / 1024).toFixed(0).padStart(6)
    console.log(`${kib} KiB  ${relative(outdir, resolve(root, file))}`)
  }
}
