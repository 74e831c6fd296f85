/** What the parts of the check share: what is counted, and a provider as the registry makes it. */
import { parseArgs } from 'node:util'
import type { AwsParameterStoreConfig, AwsSecretsManagerConfig } from '../../src/config/schema.ts'
import { createProvider } from '../../src/providers/registry.ts'
import { systemClock } from '../../src/secrets/clock.ts'
import { type Provider, ProviderError } from '../../src/secrets/provider.ts'
import { region } from './moto.ts'

const text = { type: 'string' } as const
const options = { scratch: text, moto: text, bundle: text }
export const { scratch = '', moto: motoServer = '', bundle = '' } = parseArgs({ options }).values
if (scratch === '' || motoServer === '' || bundle === '') {
  throw new Error('--scratch, --moto or --bundle is missing')
}

export const counts = { passed: 0, failed: 0 }
export const cleaners: (() => unknown)[] = []
/** What providers warned of. */
export const warnings: string[] = []

export function check(what: string, isSo: boolean, detail = ''): void {
  if (isSo) counts.passed += 1
  else counts.failed += 1
  console.log(`${isSo ? 'ok' : 'not ok'} - ${what}${isSo || detail === '' ? '' : `: ${detail}`}`)
}

const bounds = { timeout: 30_000, maxBody: 4 * 1024 * 1024, maxSecrets: 1000, maxConcurrentCalls: 8, region }

export async function secretsManager(more: Partial<AwsSecretsManagerConfig> = {}): Promise<Provider> {
  return await made({ type: 'aws-secrets-manager', ...bounds, ...more })
}

export async function parameterStore(more: Partial<AwsParameterStoreConfig> = {}): Promise<Provider> {
  return await made({ type: 'aws-parameter-store', ...bounds, ...more })
}

async function made(config: AwsSecretsManagerConfig | AwsParameterStoreConfig): Promise<Provider> {
  const context = { name: 'moto', clock: systemClock, warn: (text: string) => void warnings.push(text) }
  const provider = await createProvider(config, context)
  cleaners.push(() => provider.close?.())
  return provider
}

export const signal = (): AbortSignal => new AbortController().signal

/** By key: the text of a value, or of what it failed with the kind and the message. */
export async function fetched(provider: Provider, ...keys: string[]): Promise<Map<string, string>> {
  return shown(await provider.fetch(keys, signal()))
}

export function shown(results: Awaited<ReturnType<Provider['fetch']>>): Map<string, string> {
  return new Map([...results].map(([key, result]) => [key, of(result)]))
}

function of(result: object): string {
  if (result instanceof ProviderError) return `${result.kind}: ${result.message}`
  return 'value' in result && result.value instanceof Object && 'reveal' in result.value
    ? String((result.value as { reveal(): Buffer }).reveal())
    : 'unchanged'
}
