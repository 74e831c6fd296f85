/** Which provider a rule comes from, and what its own options mean for each other. */
import { isPattern } from '../../secrets/rules.ts'
import { atValue } from '../issues.ts'
import { type Path, quote } from '../problems.ts'
import { formatDuration } from '../quantities.ts'
import { type Raw, valueAt } from '../raw.ts'
import { keyPlaceholder } from '../schema/url.ts'
import type { Config, ProviderConfig, SecretConfig } from '../schema.ts'
import { type Crossing, isWritten, shortList } from './finding.ts'
import { originProblems } from './origin.ts'

export function secretProblems(config: Config, raw: Raw): Crossing[] {
  const providerNames = namesIn(raw, 'providers')
  return Object.entries(config.secrets).flatMap(([name, rule]) => [
    ...originProblems(name, rule, raw),
    ...providersOf(rule).flatMap(([at, provider]) =>
      providerProblems(['secrets', name, ...at], provider, providerNames, raw),
    ),
    ...ruleProblems(name, rule, config, raw),
  ])
}

/** The providers that a rule names, and where. */
function providersOf({ provider, fallback = [] }: SecretConfig): [Path, string][] {
  const several = fallback.map((place, index): [Path, string] => [['fallback', index], place.provider])
  return provider === undefined ? several : [[['provider'], provider], ...several]
}

function providerProblems(at: Path, provider: string, known: readonly string[], raw: Raw): Crossing[] {
  if (known.includes(provider)) return []
  const isMapping = typeof valueAt(raw.value, at) === 'object'
  const path = isMapping ? [...at, 'provider'] : at
  const expected =
    known.length === 0
      ? 'the name of a provider, and providers has none'
      : `a provider of providers: ${shortList(known.map(quote))}`
  return [{ problem: atValue(path, expected, raw, known), about: [path] }]
}

function ruleProblems(name: string, rule: SecretConfig, config: Config, raw: Raw): Crossing[] {
  const problems: Crossing[] = []
  const wrong = (option: keyof SecretConfig, expected: string, ...others: Path[]): void => {
    const path = ['secrets', name, option]
    problems.push({ problem: atValue(path, expected, raw), about: [path, ...others] })
  }
  // What it has no use for is told elsewhere.
  if (rule.template !== undefined) return []
  if (rule.maxStale < rule.refresh) {
    // Told at the option that was written: the other is a default.
    const written = isWritten(raw, ['secrets', name, 'maxStale'])
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
  const provider =
    rule.provider !== undefined && Object.hasOwn(config.providers, rule.provider)
      ? config.providers[rule.provider]
      : undefined
  if (rule.required && isPattern(name) && provider !== undefined && !canList(provider)) {
    const expected = `false: the provider ${rule.provider} is asked key by key and cannot say which secrets the pattern covers`
    const option = provider.type === 'exec' ? 'command' : 'url'
    wrong('required', expected, ['providers', rule.provider ?? '', option])
  }
  return problems
}

/** Whether a provider can say which secrets there are: with their values, or their keys only. */
export function canList(provider: ProviderConfig): boolean {
  switch (provider.type) {
    case 'http':
      return !provider.url.includes(keyPlaceholder)
    case 'exec':
      return !provider.command.some((part) => part.includes(keyPlaceholder))
    case 'file':
    case 'env':
    case 'vault':
    case 'aws-secrets-manager':
    case 'aws-parameter-store':
    case 'kubernetes':
    case 'google-secret-manager':
    case 'azure-key-vault':
    case 'onepassword-connect':
      return true
  }
}

function namesIn(raw: Raw, section: string): string[] {
  const value = valueAt(raw.value, [section])
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []
}
