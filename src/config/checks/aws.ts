/** What the options of AWS mean for each other. */
import { atValue } from '../issues.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import type { Crossing } from './finding.ts'

export function awsProblems(config: Config, raw: Raw): Crossing[] {
  return Object.entries(config.providers).flatMap(([name, provider]) => {
    if (!('roleArn' in provider || 'externalId' in provider || 'sessionName' in provider)) return []
    if (provider.roleArn !== undefined) return []
    return (['externalId', 'sessionName'] as const).flatMap((option) => {
      if (provider[option] === undefined) return []
      const path = ['providers', name, option]
      const expected =
        'nothing without roleArn: it is what the role is assumed with. Name the role, or leave it out'
      return [{ problem: atValue(path, expected, raw), about: [path, ['providers', name, 'roleArn']] }]
    })
  })
}
