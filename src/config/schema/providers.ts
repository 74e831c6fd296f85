import * as z from 'zod/mini'
import { providerNameExpected, providerNamePattern } from '../names.ts'
import { text } from './fields.ts'
import { awsParameterStore } from './providers/aws-parameter-store.ts'
import { awsSecretsManager } from './providers/aws-secrets-manager.ts'
import { azureKeyVault } from './providers/azure-key-vault.ts'
import { env } from './providers/env.ts'
import { exec } from './providers/exec.ts'
import { file } from './providers/file.ts'
import { googleSecretManager } from './providers/google-secret-manager.ts'
import { http } from './providers/http.ts'
import { kubernetes } from './providers/kubernetes.ts'
import { onepasswordConnect } from './providers/onepassword-connect.ts'
import { vault } from './providers/vault.ts'

const kinds = {
  http,
  file,
  env,
  vault,
  'aws-secrets-manager': awsSecretsManager,
  'aws-parameter-store': awsParameterStore,
  kubernetes,
  'google-secret-manager': googleSecretManager,
  'azure-key-vault': azureKeyVault,
  'onepassword-connect': onepasswordConnect,
  exec,
}

export type ProviderKind = keyof typeof kinds

export function isProviderKind(type: unknown): type is ProviderKind {
  return typeof type === 'string' && Object.hasOwn(kinds, type)
}

/** @param of the kinds that are configured: all others are never looked at, and cost as much to make. All by default */
export const provider = (
  of: ReadonlySet<ProviderKind> = new Set(Object.keys(kinds).filter(isProviderKind)),
) => {
  const [first, ...others] = Array.from(of, (kind) => kinds[kind]())
  return z.discriminatedUnion('type', [first ?? http(), ...others], {
    error: (issue) => (issue.code === 'invalid_union' ? undefined : 'a mapping with the key type'),
  })
}

export const providers = (of?: ReadonlySet<ProviderKind>) =>
  z.record(text(providerNamePattern, providerNameExpected), provider(of), {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a mapping of provider names to providers' : undefined,
  })
