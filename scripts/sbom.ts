/**
 * `npm run sbom`: writes the bill of materials of what is shipped to standard output, in the form CycloneDX.
 *
 * `npm sbom --omit dev` leaves out what a development dependency needs as well, lru-cache for one. So npm is shown a
 * project without any: the same package.json and lock file, less what is only there for development.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { faultsOfBill } from './lib/bill-of-materials.ts'
import { parseLockFile, production } from './lib/lock-file.ts'

const root = join(import.meta.dirname, '..')
const project = z.looseObject({}).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
const lock = parseLockFile(readFileSync(join(root, 'package-lock.json'), 'utf8'))

const scratch = mkdtempSync(join(tmpdir(), 'sidekeep-sbom-'))
try {
  // npm takes the name of the folder for that of the project.
  const folder = join(scratch, 'sidekeep')
  mkdirSync(folder)
  const { devDependencies: _, ...shipped } = project
  const { devDependencies: __, ...rootEntry } = lock.packages[''] ?? {}
  const packages = { '': rootEntry, ...Object.fromEntries(production(lock)) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(shipped))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
  const options = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only']
  const text = execFileSync('npm', ['sbom', ...options], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const faults = faultsOfBill(text, lock)
  if (faults.length > 0) throw new Error(`The bill of materials is wrong:\n${faults.join('\n')}`)
  process.stdout.write(text)
} finally {
  rmSync(scratch, { recursive: true })
}
