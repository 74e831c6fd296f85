/** The rules between options, which no schema of one option can hold. */
import { addressProblems, hostWarnings, remoteProblems, sideDoorWarnings } from './checks/addresses.ts'
import { awsProblems } from './checks/aws.ts'
import { callerFindings } from './checks/callers.ts'
import { doorFindings } from './checks/doors.ts'
import { execProblems } from './checks/exec.ts'
import { filesFindings } from './checks/files.ts'
import type { Findings } from './checks/finding.ts'
import { kubernetesProblems } from './checks/kubernetes.ts'
import { auditProblems, shutdownProblems } from './checks/process.ts'
import { providerWarnings } from './checks/providers.ts'
import { proxyFindings } from './checks/proxy.ts'
import { secretProblems } from './checks/secrets.ts'
import { templateProblems } from './checks/templates.ts'
import { checkTokens } from './checks/tokens.ts'
import { vaultProblems } from './checks/vault.ts'
import { doorsOf } from './doors.ts'
import type { Raw } from './raw.ts'
import type { Config } from './schema.ts'

/** Looks at everything, the tokens of callers too, wherever they are. */
export async function check(config: Config, raw: Raw): Promise<Findings> {
  const doors = doorsOf(config)
  const ofDoors = doors.map((door) => doorFindings(door, raw))
  const ofCallers = callerFindings(config, doors, raw)
  const ofProxy = proxyFindings(config, raw)
  const ofFiles = filesFindings(config, raw)
  const ofTokens = await checkTokens(doors, raw)
  return {
    problems: [
      ...remoteProblems(config, doors, raw),
      ...addressProblems(config, doors, raw),
      ...ofDoors.flatMap(({ problems }) => problems),
      ...ofCallers.problems,
      ...ofTokens.problems,
      ...shutdownProblems(config, raw),
      ...auditProblems(config, raw),
      ...secretProblems(config, raw),
      ...execProblems(config, raw),
      ...vaultProblems(config, raw),
      ...awsProblems(config, raw),
      ...kubernetesProblems(config, raw),
      ...templateProblems(config, raw),
      ...ofProxy.problems,
      ...ofFiles.problems,
    ],
    warnings: [
      ...ofDoors.flatMap(({ warnings }) => warnings),
      ...hostWarnings(config, doors),
      ...sideDoorWarnings(doors),
      ...ofCallers.warnings,
      ...ofTokens.warnings,
      ...providerWarnings(config),
      ...ofProxy.warnings,
      ...ofFiles.warnings,
    ],
  }
}
