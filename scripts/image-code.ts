/**
 * Makes of the bundle what the image has in `/opt/sidekeep`: chunks that are loaded by `docker/executable/load.cjs`, and
 * the code that V8 makes of them at a start.
 *
 *     node scripts/image-code.ts --dist FOLDER --into FOLDER --node BINARY
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { layOut, record } from './lib/image-code.ts'

const executable = join(dirname(import.meta.dirname), 'docker', 'executable')
const { values } = parseArgs({
  options: { dist: { type: 'string' }, into: { type: 'string' }, node: { type: 'string' } },
})
const { dist, into, node } = values
if (dist === undefined || into === undefined || node === undefined) {
  console.error('usage: node scripts/image-code.ts --dist FOLDER --into FOLDER --node BINARY')
  process.exit(64)
}
const { execArgv } = JSON.parse(readFileSync(join(executable, 'sea-config.json'), 'utf8'))
const folder = resolve(into)
layOut(
  resolve(dist),
  folder,
  ['load.cjs', 'trust.cjs'].map((name) => join(executable, name)),
)
await record({ folder, recorder: join(executable, 'record.cjs'), node: resolve(node), options: execArgv })
