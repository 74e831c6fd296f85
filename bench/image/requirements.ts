/** What the measurements need of the machine. */
import { delimiter, join } from 'node:path'
import { isExecutable } from '../support/executable.ts'

/** By the name of the program, the Debian package that has it. */
const packages: Readonly<Record<string, string>> = {
  podman: 'podman',
  buildah: 'buildah',
  runc: 'runc',
  conmon: 'conmon',
  debootstrap: 'debootstrap',
  'apt-get': 'apt',
  strip: 'binutils',
  npm: 'npm',
  gzip: 'gzip',
}

/** @throws an error that names all that is missing, and how one gets it */
export function demandMachine(): void {
  const missing: string[] = []
  if (process.platform !== 'linux') missing.push('Linux, whose control groups are read')
  else if (process.getuid?.() !== 0) {
    missing.push('root: containers need control groups, and debootstrap needs chroot')
  }
  const folders = (process.env.PATH ?? '').split(delimiter)
  const absent = Object.keys(packages).filter(
    (program) => !folders.some((folder) => isExecutable(join(folder, program))),
  )
  if (absent.length > 0) {
    const names = absent.map((program) => packages[program]).join(' ')
    missing.push(`${absent.join(', ')} (Debian: \`apt-get install ${names}\`)`)
  }
  if (missing.length > 0)
    throw new Error(`the images cannot be measured here; missing: ${missing.join('; ')}`)
}
