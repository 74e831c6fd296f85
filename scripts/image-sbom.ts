/**
 * Prints the bill of materials of the image, and fails where it does not list exactly what is in there.
 *
 *     node scripts/image-sbom.ts --rootfs FOLDER --origins FILE
 *
 * `docker/assemble-rootfs` writes both: the files, and of each that it took from Debian a line with path, package,
 * version and architecture, separated by tabs. Runs under the Node that is in the image.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { type DebianOrigin, faultsOfImageBill, type ImageFile, imageBill } from './lib/image-bill.ts'

const { values } = parseArgs({ options: { rootfs: { type: 'string' }, origins: { type: 'string' } } })
const { rootfs, origins } = z.object({ rootfs: z.string(), origins: z.string() }).parse(values)

const files = readdirSync(rootfs, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry): ImageFile => {
    const file = join(entry.parentPath, entry.name)
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
    return { path: file.slice(rootfs.replace(/\/$/, '').length), hash }
  })
  .sort((a, b) => (a.path < b.path ? -1 : 1))

const text = imageBill({
  bundled: execFileSync(process.execPath, [join(import.meta.dirname, 'sbom.ts')], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  }),
  node: process.versions.node,
  parts: z.record(z.string(), z.string()).parse({ ...process.versions }),
  files,
  origins: readFileSync(origins, 'utf8').trim().split('\n').map(originOf),
})
const faults = faultsOfImageBill(text, files)
if (faults.length > 0) throw new Error(`The image's bill of materials is wrong:\n${faults.join('\n')}`)
process.stdout.write(text)

function originOf(line: string): DebianOrigin {
  const [path, name, version, architecture] = line.split('\t')
  return z
    .object({ path: z.string(), package: z.string(), version: z.string(), architecture: z.string() })
    .parse({ path, package: name, version, architecture })
}
