/** What is allowed of a provider and probably not meant. */
import { isLoopbackAddress } from '../listen.ts'
import { formatPath } from '../problems.ts'
import { keyPlaceholder } from '../schema/url.ts'
import type { Config, HttpProviderConfig } from '../schema.ts'
import type { StringSource } from '../source.ts'

export function providerWarnings(config: Config): string[] {
  return [...useWarnings(config), ...variableWarnings(config)]
}

function useWarnings(config: Config): string[] {
  const used = new Set(Object.values(config.secrets).map((rule) => rule.provider))
  const warnings: string[] = []
  for (const [name, provider] of Object.entries(config.providers)) {
    const path = formatPath(['providers', name])
    if (!used.has(name)) warnings.push(`${path} is used by no rule of secrets.`)
    if (provider.type === 'http' && isPlainRemote(provider)) {
      warnings.push(
        `${path}.url is plain http to another host: secrets${provider.token ? ' and the token' : ''} travel unencrypted.`,
      )
    }
  }
  if (used.size === 0) warnings.push('secrets names no secret: there is nothing to serve.')
  return warnings
}

/**
 * A file may come to be while the process runs, a variable of its environment never. Still no error: a configuration is
 * also checked where the variables of the pod are not.
 */
function variableWarnings(config: Config): string[] {
  return Object.entries(config.providers).flatMap(([name, provider]) => {
    if (provider.type !== 'http') return []
    const { token, ca, headers = {} } = provider
    const sources: [string[], StringSource | undefined][] = [
      [['token'], token],
      [['ca'], ca],
      ...Object.entries(headers).map(([header, source]): [string[], StringSource] => [
        ['headers', header],
        source,
      ]),
    ]
    return sources.flatMap(([option, source]) => {
      const variable = source?.unsetVariable
      if (variable === undefined) return []
      const path = formatPath(['providers', name, ...option])
      return [
        `${path} is to come from the variable ${variable}, which is not set: no call to the provider can succeed.`,
      ]
    })
  })
}

function isPlainRemote(provider: HttpProviderConfig): boolean {
  const url = new URL(provider.url.replace(keyPlaceholder, 'key'))
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return url.protocol === 'http:' && host !== 'localhost' && !isLoopbackAddress(host)
}
