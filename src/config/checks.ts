/** The rules between options, which no schema of one option can hold. */

import { isPattern } from '../secrets/rules.ts'
import { atValue } from './issues.ts'
import { isLoopback, isLoopbackAddress, type Listen, overlaps } from './listen.ts'
import { formatPath, type Path, type Problem, quote } from './problems.ts'
import { formatDuration } from './quantities.ts'
import { type Raw, valueAt } from './raw.ts'
import { keyPlaceholder } from './schema/url.ts'
import type { Config, HttpProviderConfig, ProviderConfig, SecretConfig } from './schema.ts'
import type { StringSource } from './source.ts'

interface Crossing {
  readonly problem: Problem
  /** The options that the rule looked at: where one is wrong by itself, the rule has nothing to say. */
  readonly about: readonly Path[]
}

export function check(config: Config, raw: Raw): { problems: Crossing[]; warnings: string[] } {
  const providerNames = namesIn(raw, 'providers')
  const problems = [
    ...listenerProblems(config, raw),
    ...shutdownProblems(config, raw),
    ...Object.entries(config.secrets).flatMap(([name, rule]) => [
      ...providerProblems(name, rule, providerNames, raw),
      ...ruleProblems(name, rule, config, raw),
    ]),
  ]
  const warnings = [...accessWarnings(config), ...providerWarnings(config), ...variableWarnings(config)]
  return { problems, warnings }
}

function listenerProblems(config: Config, raw: Raw): Crossing[] {
  const problems: Crossing[] = []
  const wrong = (about: readonly Path[], expected: string): void => {
    problems.push({ problem: atValue(about[0] ?? [], expected, raw), about })
  }
  if (!isLoopback(config.api.listen)) {
    const expected =
      'a loopback address such as 127.0.0.1:7575, or a Unix socket: whoever reaches this listener can read the secrets'
    wrong([['api', 'listen']], expected)
  }
  const listeners = [
    ['api', config.api.listen],
    ['ops', config.ops?.listen],
    ['proxy', config.proxy?.listen],
  ] as const satisfies [string, Listen | undefined][]
  for (const [index, [name, listen]] of listeners.entries()) {
    for (const [earlier, other] of listeners.slice(0, index)) {
      if (listen === undefined || other === undefined || !overlaps(listen, other)) continue
      const what = listen.kind === 'unix' ? 'a socket path' : 'a port'
      wrong(
        [
          [name, 'listen'],
          [earlier, 'listen'],
        ],
        `${what} that ${earlier}.listen does not use already`,
      )
    }
  }
  return problems
}

function shutdownProblems({ shutdown: { timeout, linger } }: Config, raw: Raw): Crossing[] {
  if (linger < timeout) return []
  const about = [
    ['shutdown', 'linger'],
    ['shutdown', 'timeout'],
  ] as const
  const expected = `less than shutdown.timeout, which is ${formatDuration(timeout)}: else every stop would be cut short`
  return [{ problem: atValue(about[0], expected, raw), about }]
}

function providerProblems(name: string, rule: SecretConfig, known: readonly string[], raw: Raw): Crossing[] {
  if (known.includes(rule.provider)) return []
  const path = ['secrets', name, 'provider']
  const expected =
    known.length === 0
      ? 'the name of a provider, and providers has none'
      : `a provider of providers: ${shortList(known)}`
  return [{ problem: atValue(path, expected, raw, known), about: [path] }]
}

function ruleProblems(name: string, rule: SecretConfig, config: Config, raw: Raw): Crossing[] {
  const problems: Crossing[] = []
  const wrong = (option: keyof SecretConfig, expected: string, ...others: Path[]): void => {
    const path = ['secrets', name, option]
    problems.push({ problem: atValue(path, expected, raw), about: [path, ...others] })
  }
  if (rule.maxStale < rule.refresh) {
    // Told at the option that was written: the other is a default.
    const written = valueAt(raw.value, ['secrets', name, 'maxStale']) !== undefined
    const [option, other] = written ? (['maxStale', 'refresh'] as const) : (['refresh', 'maxStale'] as const)
    const limit = `${written ? 'at least' : 'at most'} ${other}, which is ${formatDuration(rule[other])}`
    wrong(option, `${limit}: else it would expire before it is fetched again`, ['secrets', name, other])
  }
  if (isPattern(name) && rule.key.split('*').length !== 2) {
    wrong('key', 'a key with one "*", since the name is a pattern')
  }
  if (!isPattern(name) && isPattern(rule.key)) {
    wrong('key', 'a key without "*", since the name is no pattern')
  }
  const provider = Object.hasOwn(config.providers, rule.provider)
    ? config.providers[rule.provider]
    : undefined
  if (rule.required && isPattern(name) && provider !== undefined && !canList(provider)) {
    const expected = `false: the provider ${rule.provider} is asked key by key and cannot say which secrets the pattern covers`
    wrong('required', expected, ['providers', rule.provider, 'url'])
  }
  return problems
}

function accessWarnings(config: Config): string[] {
  if (config.api.access !== 'open') return []
  return ['api.access is open: any request that reaches the listener is answered, a forged one (SSRF) too.']
}

function providerWarnings(config: Config): string[] {
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

function canList(provider: ProviderConfig): boolean {
  return provider.type !== 'http' || !provider.url.includes(keyPlaceholder)
}

function isPlainRemote(provider: HttpProviderConfig): boolean {
  const url = new URL(provider.url.replace(keyPlaceholder, 'key'))
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return url.protocol === 'http:' && host !== 'localhost' && !isLoopbackAddress(host)
}

function namesIn(raw: Raw, section: string): string[] {
  const value = valueAt(raw.value, [section])
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}

const longestList = 10

function shortList(names: readonly string[]): string {
  const listed = names.slice(0, longestList).map(quote).join(', ')
  return names.length > longestList ? `${listed} and ${names.length - longestList} more` : listed
}
