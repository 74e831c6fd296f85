/** What the options of a `vault` provider mean for each other. */
import { atValue } from '../issues.ts'
import type { Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import type { Crossing } from './finding.ts'

type Vault = Extract<Config['providers'][string], { type: 'vault' }>

export function vaultProblems(config: Config, raw: Raw): Crossing[] {
  return Object.entries(config.providers).flatMap(([name, provider]) =>
    provider.type === 'vault'
      ? [
          ...authProblems(provider, ['providers', name], raw),
          ...tlsProblems(provider, ['providers', name], raw),
        ]
      : [],
  )
}

/** None would have nothing to log in with, and of two nobody could tell which one is meant. */
function authProblems({ auth }: Vault, path: Path, raw: Raw): Crossing[] {
  const given = Object.entries(auth).flatMap(([member, value]) => (value === undefined ? [] : [member]))
  if (given.length === 1) return []
  const at = [...path, 'auth']
  const expected = 'exactly one of token, appRole, kubernetes, jwt, certificate'
  const got = given.length === 0 ? 'none' : given.join(' and ')
  return [{ problem: { ...atValue(at, expected, raw), got }, about: [at] }]
}

function tlsProblems({ url, auth, certificate, key }: Vault, path: Path, raw: Raw): Crossing[] {
  const at = (option: string): Path => [...path, option]
  const about = [at('certificate'), at('key'), at('auth'), at('url')]
  const problem = (option: string, expected: string, got: string): Crossing => ({
    problem: { ...atValue(at(option), expected, raw), got },
    about,
  })
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = certificate === undefined ? 'certificate' : 'key'
    return [problem(missing, 'both certificate and key, or neither', 'nothing')]
  }
  if (auth.certificate === undefined) return []
  if (certificate === undefined) {
    return [
      problem('certificate', 'certificate and key, since auth.certificate logs in with them', 'nothing'),
    ]
  }
  if (url.startsWith('https:')) return []
  return [problem('url', 'https://, since auth.certificate logs in over mutual TLS', 'http://')]
}
