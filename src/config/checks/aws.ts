/** What the options of AWS mean for each other. */
import { atValue } from '../issues.ts'
import { quote } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import { type Crossing, isWritten } from './finding.ts'

export function awsProblems(config: Config, raw: Raw): Crossing[] {
  return [...roleProblems(config, raw), ...pathProblems(config, raw)]
}

/** With a path nothing is asked for but what is below it: any other key would be missing for ever. */
function pathProblems(config: Config, raw: Raw): Crossing[] {
  return Object.entries(config.secrets).flatMap(([name, { provider, key, fallback = [] }]) =>
    [
      ...(provider === undefined ? [] : [{ provider, key, at: ['secrets', name] }]),
      ...fallback.map((place, index) => ({ ...place, at: ['secrets', name, 'fallback', index] })),
    ].flatMap(({ provider, key, at }) => {
      const path = pathOf(config, provider)
      if (path === undefined || (key.startsWith(path) && key !== path && !key.includes(':'))) return []
      const expected = `a key that begins with ${path}, without a version or label, since the provider ${provider} has that path`
      // A key that is not written is the name of the secret, or that of the rule around.
      const written = [at, ['secrets', name]].find((place) => isWritten(raw, [...place, 'key']))
      const where = written === undefined ? at : [...written, 'key']
      const told = atValue(where, expected, raw)
      const problem = written === undefined ? { ...told, got: quote(key) } : told
      return [{ problem, about: [where, ['providers', provider, 'path']] }]
    }),
  )
}

/** With a slash at its end; undefined for a provider that has none. */
function pathOf({ providers }: Config, name: string): string | undefined {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined
  if (provider?.type !== 'aws-parameter-store' || provider.path === undefined) return undefined
  return provider.path.endsWith('/') ? provider.path : `${provider.path}/`
}

function roleProblems(config: Config, raw: Raw): Crossing[] {
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
