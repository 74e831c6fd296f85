/** What is allowed of a provider and probably not meant. */
import { formatPath } from '../problems.ts'
import { isPlainRemote } from '../schema/url.ts'
import type { Config, ProviderConfig } from '../schema.ts'
import { StringSource } from '../source.ts'

export function providerWarnings(config: Config): string[] {
  return [...useWarnings(config), ...variableWarnings(config)]
}

function useWarnings(config: Config): string[] {
  const used = new Set(
    Object.values(config.secrets).flatMap(({ provider, fallback = [] }) => [
      ...(provider === undefined ? [] : [provider]),
      ...fallback.map((place) => place.provider),
    ]),
  )
  const warnings: string[] = []
  for (const [name, provider] of Object.entries(config.providers)) {
    const path = formatPath(['providers', name])
    if (!used.has(name)) warnings.push(`${path} is used by no rule of secrets.`)
    warnings.push(...plainWarnings(path, provider))
  }
  if (used.size === 0) warnings.push('secrets names no secret: there is nothing to serve.')
  return warnings
}

function plainWarnings(path: string, provider: ProviderConfig): string[] {
  const credential = credentialOf(provider)
  return ['url', 'endpoint'].flatMap((option) => {
    const url = new Map<string, unknown>(Object.entries(provider)).get(option)
    if (typeof url !== 'string' || !isPlainRemote(url)) return []
    return [`${path}.${option} is plain http to another host: secrets${credential} travel unencrypted.`]
  })
}

/** What travels beside the secrets. */
function credentialOf(provider: ProviderConfig): string {
  if ('token' in provider && provider.token !== undefined) return ' and the token'
  return provider.type === 'http' ? '' : ' and credentials'
}

/**
 * A file may come to be while the process runs, a variable of its environment never. Still no error: a configuration is
 * also checked where the variables of the pod are not.
 */
function variableWarnings(config: Config): string[] {
  return Object.entries(config.providers).flatMap(([name, provider]) =>
    [...sourcesIn(provider, ['providers', name])].flatMap(([path, { unsetVariable: variable }]) =>
      variable === undefined
        ? []
        : [
            `${formatPath(path)} is to come from the variable ${variable}, which is not set: no call to the provider can succeed.`,
          ],
    ),
  )
}

/** The string sources among the options, however deep. */
function* sourcesIn(value: unknown, path: readonly string[]): Generator<[string[], StringSource]> {
  if (value instanceof StringSource) yield [[...path], value]
  else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) yield* sourcesIn(part, [...path, name])
  }
}
