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

export const provider = () =>
  z.discriminatedUnion(
    'type',
    [
      http(),
      file(),
      env(),
      vault(),
      awsSecretsManager(),
      awsParameterStore(),
      kubernetes(),
      googleSecretManager(),
      azureKeyVault(),
      onepasswordConnect(),
      exec(),
    ],
    {
      error: (issue) => (issue.code === 'invalid_union' ? undefined : 'a mapping with the key type'),
    },
  )

export const providers = () =>
  z.record(text(providerNamePattern, providerNameExpected), provider(), {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a mapping of provider names to providers' : undefined,
  })
