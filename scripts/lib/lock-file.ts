/** The lock file as npm writes it (lockfileVersion 3). */
import * as z from 'zod'

const entry = z.looseObject({
  version: z.string().optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
})
const lockFile = z.looseObject({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), entry),
})

export type LockFile = z.infer<typeof lockFile>
export type LockEntry = z.infer<typeof entry>

export function parseLockFile(text: string): LockFile {
  return lockFile.parse(JSON.parse(text))
}

/** What is installed, by the place where it is; without the project itself. */
export function installed({ packages }: LockFile): [place: string, entry: LockEntry][] {
  return Object.entries(packages).filter(([place]) => place !== '')
}

/** What is installed without the development dependencies. */
export function production(lock: LockFile): [place: string, entry: LockEntry][] {
  return installed(lock).filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)
}

/** `name@version`, by which a bill of materials knows a package. */
export function idOf([place, { version }]: readonly [string, LockEntry]): string {
  return `${place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`
}

/** What speaks against entries: each is to come from the registry, and to be what it was when it was locked. */
export function faultsOf(lock: LockFile): string[] {
  return installed(lock).flatMap(([place, { version, integrity, resolved, link }]) => {
    const faults: string[] = []
    if (link === true) faults.push('is a link')
    if (version === undefined || !/^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/.test(version))
      faults.push('has no version')
    if (integrity === undefined || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))
      faults.push('has no sha512')
    if (resolved !== undefined && !resolved.startsWith('https://')) faults.push('does not come over https')
    return faults.map((fault) => `${place} ${fault}`)
  })
}
