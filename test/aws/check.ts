/**
 * The providers of AWS against moto, which was written by others from the behaviour of AWS.
 *
 *     node test/aws/check.ts --moto MOTO_SERVER --bundle FILE --scratch FOLDER
 */

import { sources } from '../support/process-child.ts'
import { Moto } from './moto.ts'
import { checkParameters } from './parameters.ts'
import { checkPermissions } from './permissions.ts'
import { bundle, check, cleaners, counts, motoServer, scratch } from './rig.ts'
import { checkRoles } from './roles.ts'
import { checkSecrets } from './secrets.ts'
import { checkSidecar } from './sidecar.ts'

/** Static credentials: what moto takes them for counts only where it enforces policies. */
const keys = { AWS_ACCESS_KEY_ID: 'AKIACHECK', AWS_SECRET_ACCESS_KEY: 'CANARY-check-key' }

async function cleanUp(): Promise<void> {
  for (const clean of cleaners.splice(0).reverse()) await clean()
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void cleanUp().finally(() => process.exit(1)))
}

try {
  const moto = await Moto.start(motoServer, scratch)
  cleaners.push(() => moto.stop())
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, keys, { AWS_ENDPOINT_URL: moto.origin, AWS_EC2_METADATA_DISABLED: 'true' })
  for (const part of [checkSecrets, checkParameters, checkRoles]) await part(moto)
  // What is bundled of the SDK is not what the sources load.
  await checkSidecar(moto, sources, 'sources')
  await checkSidecar(moto, bundle, 'bundle')
  await checkPermissions(moto)
} catch (error) {
  check('the check runs to its end', false, error instanceof Error ? (error.stack ?? '') : String(error))
} finally {
  await cleanUp()
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 ? 0 : 1
