/** The one schema: it gives types, defaults, validation, the documentation and the JSON Schema for editors. */
import * as z from 'zod/mini'
import { audit } from './schema/audit.ts'
import { files } from './schema/files.ts'
import { api, ops } from './schema/listeners.ts'
import { option, section } from './schema/option.ts'
import { cache, log, reload, shutdown } from './schema/process.ts'
import { isProviderKind, type ProviderKind, type provider, providers } from './schema/providers.ts'
import { proxy } from './schema/proxy.ts'
import { secrets } from './schema/secrets.ts'

export type { CallerConfig } from './schema/callers.ts'
export type { FileConfig, FileFormat } from './schema/files.ts'
export type { LimitStoreConfig, RedisConfig } from './schema/limit-store.ts'
export type { LimitConfig, LimitKey } from './schema/limits.ts'
export type { DoorConfig, TlsConfig } from './schema/listeners.ts'
export type { NotificationConfig } from './schema/notify.ts'
export type { ProxyTlsConfig } from './schema/proxy.ts'
export { isSecretPlace, type SecretPlace } from './schema/secret-place.ts'
export type { SecretConfig } from './schema/secrets.ts'

const whole = (kinds?: ReadonlySet<ProviderKind>) =>
  section({
    api: option(z.prefault(api(), {}), {
      description: 'The listener that serves secrets to the application, and everything that `ops` serves.',
    }),
    ops: option(z.optional(ops()), {
      description:
        'A listener for health and metrics alone, reachable from outside the pod. Off unless it is configured.',
    }),
    providers: option(z.prefault(providers(kinds), {}), {
      description: 'The backends that secrets come from, by a name of your choice.',
    }),
    secrets: option(z.prefault(secrets(), {}), {
      description:
        'The rules: which secrets there are, by name. A name with one `*` is a pattern: it covers all secrets of the provider that match. Where the provider lists them with their values they are held from the start; where it lists their keys only, as many are fetched as `cache.maxEntries` and `cache.maxBytes` leave room for; where it cannot list, and of those that a list of keys lacks or that there is no room for, each is fetched when it is first asked for.',
    }),
    cache: option(z.prefault(cache(), {}), { description: 'The bounds of what is held in memory.' }),
    reload: option(z.prefault(reload(), {}), {
      description: 'How changes of the configuration are noticed while the sidecar runs.',
    }),
    shutdown: option(z.prefault(shutdown(), {}), { description: 'What happens on SIGTERM and SIGINT.' }),
    log: option(z.prefault(log(), {}), { description: 'What is written to standard output, and how.' }),
    audit: option(z.optional(audit()), {
      description:
        'A line of JSON for each access to a secret: when, who, what, and what came of it; never a value. Off unless it is configured.',
    }),
    files: option(z.prefault(files(), []), {
      description:
        'Files that secrets are written to, for applications that read no HTTP: each replaced as a whole when a secret of it changes. Off unless it is configured.',
    }),
    proxy: option(z.optional(proxy()), {
      description: 'A rate-limited reverse proxy in front of the application. Off unless it is configured.',
    }),
  })

let made: { readonly kinds: string; readonly schema: WeakRef<ReturnType<typeof whole>> } | undefined

/**
 * The schema of the whole file. It is wanted at the start and for a reload, and takes two megabytes: it is made when it is
 * asked for, and kept by whoever uses it. So are the schemas of its parts, which are functions for that reason.
 *
 * @param kinds those of the providers that are configured; all by default
 */
export function configSchema(kinds?: ReadonlySet<ProviderKind>): ReturnType<typeof whole> {
  const named = kinds === undefined ? 'all' : [...kinds].sort().join()
  const former = made?.kinds === named ? made.schema.deref() : undefined
  const schema = former ?? whole(kinds)
  made = { kinds: named, schema: new WeakRef(schema) }
  return schema
}

/** The kinds of providers in what was written, or in a configuration; undefined where one of them is none. */
export function kindsIn(written: unknown): ReadonlySet<ProviderKind> | undefined {
  const kinds = new Set<ProviderKind>()
  for (const provider of Object.values(membersOf(membersOf(written).providers))) {
    const { type } = membersOf(provider)
    if (!isProviderKind(type)) return undefined
    kinds.add(type)
  }
  return kinds
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The configuration as the program uses it: defaults filled in, durations in milliseconds, sizes in bytes. */
export type Config = z.output<ReturnType<typeof whole>>
export type ProviderConfig = z.output<ReturnType<typeof provider>>
/** How often a provider may be called: for the heart, whichever kind of backend it is. */
export type CallLimits = Pick<ProviderConfig, 'maxCallsPerSecond' | 'maxConcurrentCalls' | 'maxQueuedCalls'>
export type HttpProviderConfig = Backend<'http'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type FileProviderConfig = Backend<'file'>
export type EnvProviderConfig = Backend<'env'>
export type VaultProviderConfig = Backend<'vault'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type AwsSecretsManagerConfig = Backend<'aws-secrets-manager'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type AwsParameterStoreConfig = Backend<'aws-parameter-store'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type KubernetesProviderConfig = Backend<'kubernetes'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type GoogleSecretManagerConfig = Backend<'google-secret-manager'> &
  Pick<CallLimits, 'maxConcurrentCalls'>
export type AzureKeyVaultConfig = Backend<'azure-key-vault'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type OnepasswordConnectConfig = Backend<'onepassword-connect'> & Pick<CallLimits, 'maxConcurrentCalls'>
export type ExecProviderConfig = Backend<'exec'> & Pick<CallLimits, 'maxConcurrentCalls'>
/** What a backend itself is built with. */
export type BackendConfig =
  | HttpProviderConfig
  | FileProviderConfig
  | EnvProviderConfig
  | VaultProviderConfig
  | AwsSecretsManagerConfig
  | AwsParameterStoreConfig
  | KubernetesProviderConfig
  | GoogleSecretManagerConfig
  | AzureKeyVaultConfig
  | OnepasswordConnectConfig
  | ExecProviderConfig
export type AuditConfig = z.output<ReturnType<typeof audit>>
export type ProxyConfig = z.output<ReturnType<typeof proxy>>

type Backend<Type extends ProviderConfig['type']> = Omit<
  Extract<ProviderConfig, { type: Type }>,
  keyof CallLimits
>
