/**
 * The limits through whole processes: the built bundle before an application, under more load than its limits let pass,
 * in memory and with real Redis servers to which things happen. Prints a line for each check and `N passed, N failed`;
 * exits with 1 where one failed.
 *
 *     node test/limited/check.ts --bundle FILE --scratch FOLDER
 */
import { checkAbsence } from './absent.ts'
import { checkMemory, checkSharing } from './accuracy.ts'
import { checkOutages } from './outages.ts'
import { check, cleanUp, counts } from './tally.ts'

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void cleanUp().finally(() => process.exit(1)))
}

try {
  for (const part of [checkMemory, checkSharing, checkAbsence, checkOutages]) {
    await part()
    await cleanUp()
  }
} catch (error) {
  check('the check runs to its end', false, error instanceof Error ? (error.stack ?? '') : String(error))
} finally {
  await cleanUp()
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 ? 0 : 1
