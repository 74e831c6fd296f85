import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import type { VaultProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { createVaultProvider } from '../../../src/providers/vault/provider.ts'
import {
  type Fetched,
  type Provider,
  type ProviderContext,
  ProviderError,
} from '../../../src/secrets/provider.ts'
import type { FakeVault } from '../../support/fake-vault.ts'
import { type Brought, context, signal } from '../conformance.ts'

export const source = (text: string): StringSource => new StringSource(text)

/** A configuration with the defaults. */
export function configOf(url: string, more: Partial<VaultProviderConfig> = {}): VaultProviderConfig {
  return {
    type: 'vault',
    url,
    redirectHosts: [],
    auth: { token: source('CANARY-no-token') },
    kvVersion: 'auto',
    requests: {},
    revokeOnStop: false,
    timeout: 5000,
    maxBody: 4 * 1024 * 1024,
    maxSecrets: 10_000,
    maxConcurrentCalls: 8,
    ...more,
  }
}

/** A provider with the defaults of the configuration, closed when the test ends. Its jitter is in the middle. */
export function vaultProvider(
  t: Test,
  url: string,
  more: Partial<VaultProviderConfig> = {},
  around: Partial<ProviderContext> = {},
): Provider {
  const config = configOf(url, more)
  const provider = createVaultProvider(config, context(t, around), () => 0.5)
  let closing: Promise<void> | undefined
  const closedOnce = { ...provider, close: () => (closing ??= provider.close?.() ?? Promise.resolve()) }
  t.teardown(() => closedOnce.close())
  return closedOnce
}

/** The same, with a token that may do everything there is in the tests unless told otherwise. */
export function withToken(
  t: Test,
  vault: FakeVault,
  more: Partial<VaultProviderConfig> = {},
  around: Partial<ProviderContext> = {},
): Provider {
  const token = vault.token({ ttl: 0, policy: everything })
  return vaultProvider(t, vault.url, { auth: { token: source(token) }, ...more }, around)
}

export const everything = { '*': ['read', 'list', 'create', 'update'] }

/** Logs in with the secret id `CANARY-secret-id`, to be taken any number of times. */
export const appRole: VaultProviderConfig['auth'] = {
  appRole: {
    roleId: source('role-1'),
    secretId: source('CANARY-secret-id'),
    wrapped: false,
    mount: 'approle',
  },
}

/** What one key brings. */
export async function one(
  provider: Provider,
  key: string,
  held?: string,
  given = signal(),
): Promise<Brought | undefined> {
  const heldVersions = held === undefined ? undefined : new Map([[key, held]])
  return (await provider.fetch([key], given, heldVersions)).get(key)
}

/** What one key brings, which has to be a value. */
export async function value(provider: Provider, key: string): Promise<Fetched> {
  const brought = await one(provider, key)
  if (brought === undefined || !('value' in brought))
    throw new Error(`no value for ${key}`, { cause: brought })
  return brought
}

/** The failure that one key brings, or that the fetch of it rejects with. */
export async function failure(fetching: Promise<unknown>): Promise<ProviderError> {
  const outcome = await fetching.catch((error: unknown) => error)
  if (outcome instanceof ProviderError) return outcome
  throw new Error('it did not fail, or otherwise than the contract says', { cause: outcome })
}

/** Why one key brings no value. */
export async function failureAt(provider: Provider, key: string): Promise<ProviderError> {
  return await failure(one(provider, key).then((brought) => Promise.reject(brought)))
}

/** Resolves when it holds: the clock of a test is its own, and that of the network is not. */
export async function until(holds: () => boolean): Promise<void> {
  const given = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > given) throw new Error(`it never came to be that ${holds}`)
    await setImmediate()
  }
  // What was waited for is an answer that was sent: it has yet to arrive.
  for (let turns = 0; turns < 20; turns++) await setImmediate()
}
