/** A bill of materials in the form CycloneDX 1.5, as npm makes it. */
import * as z from 'zod'
import type { LockFile } from './lock-file.ts'
import { idOf, production } from './lock-file.ts'

const component = z.looseObject({
  'bom-ref': z.string(),
  type: z.string(),
  name: z.string(),
  version: z.string(),
  purl: z.string().startsWith('pkg:npm/'),
})
const bill = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string(),
  serialNumber: z.string().startsWith('urn:uuid:'),
  metadata: z.looseObject({ component }),
  components: z.array(
    component.extend({
      hashes: z.array(z.looseObject({ alg: z.string(), content: z.string() })).min(1),
      licenses: z.array(z.unknown()).min(1),
    }),
  ),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

/** What is wrong with a bill of materials: it is to list exactly what the lock file installs for production. */
export function faultsOfBill(text: string, lock: LockFile): string[] {
  const parsed = bill.safeParse(JSON.parse(text))
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  const { components, dependencies, metadata } = parsed.data
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`))
  const expected = new Set(production(lock).map(idOf))
  const known = new Set([metadata.component, ...components].map((one) => one['bom-ref']))
  const named = dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn])
  return [
    ...[...expected].filter((id) => !listed.has(id)).map((id) => `${id} is missing`),
    ...[...listed].filter((id) => !expected.has(id)).map((id) => `${id} is not shipped`),
    ...named.filter((ref) => !known.has(ref)).map((ref) => `${ref} is depended on and not listed`),
    ...(metadata.component.name === 'sidekeep' ? [] : ['it is not of sidekeep']),
  ]
}
