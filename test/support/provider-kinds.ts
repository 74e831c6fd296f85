/** Every kind of provider with a backend that is strict, and as fast as loopback is. */
import { statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startBackend } from './backend.ts'
import { createAuthority } from './certificates.ts'
import { startFakeAws } from './fake-aws.ts'
import { clientId, startEntra, tenantId } from './fake-azure-entra.ts'
import { issuedBy, startVault, vaultResource } from './fake-azure-vault.ts'
import { startFakeGoogle } from './fake-google.ts'
import { startKubernetes } from './fake-kubernetes.ts'
import { connectToken, idFor, startConnect } from './fake-onepassword.ts'
import { startFakeVault } from './fake-vault.ts'
import { folderOf } from './process-sidecar.ts'
import type { Kind } from './provider-stage.ts'

/** What each backend holds under a name. */
export const value = (name: string): string => `CANARY-value-of-${name}`

const http = (title: string, path: string): Kind => ({
  title,
  async start(t, names) {
    const backend = await startBackend(t, { secrets: names.map((name) => [name, value(name)]) })
    return {
      provider: { type: 'http', url: `${backend.origin}${path}` },
      keyOf: (name) => name,
      requests: () => backend.requests.length,
      stop: () => backend.stop(),
    }
  },
})

const vault: Kind = {
  title: '`vault`, KV 2',
  async start(t, names) {
    const fake = await startFakeVault(t)
    const kv = fake.mountKv('kv/', 2)
    for (const name of names) kv.put(name, { value: value(name) })
    const token = fake.token({ ttl: 0, policy: { '*': ['read', 'list'] } })
    return {
      provider: { type: 'vault', url: fake.url, auth: { token } },
      keyOf: (name) => `kv/${name}`,
      field: 'value',
      requests: () => fake.asked.length,
      stop: () => fake.backend.stop(),
    }
  },
}

const awsKeys = {
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'CANARY-secret-access-key',
  AWS_CONFIG_FILE: '/nonexistent/config',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
}

const aws = (title: string, type: string, more: Record<string, unknown> = {}): Kind => ({
  title,
  async start(t, names) {
    const fake = await startFakeAws(t)
    for (const name of names) {
      const versions = [{ id: `version-of-${name}`, stages: ['AWSCURRENT'], text: value(name) }]
      fake.secrets.set(name, {
        arn: `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-AbCd12`,
        versions,
      })
      fake.parameters.set(`/app/${name}`, { values: [value(name)], type: 'SecureString' })
    }
    return {
      provider: { type, region: 'eu-central-1', endpoint: fake.origin, ...more },
      keyOf: (name) => (type === 'aws-parameter-store' ? `/app/${name}` : name),
      env: awsKeys,
      requests: () => fake.calls.length,
      stop: () => fake.backend.stop(),
    }
  },
})

const kubernetes = (title: string, more: Record<string, unknown>): Kind => ({
  title,
  async start(t, names) {
    const fake = await startKubernetes(t)
    for (const name of names) fake.store.put('app', name, { value: value(name) }, { app: 'shop' })
    return {
      provider: { type: 'kubernetes', url: fake.url, token: 'CANARY-token', namespace: 'app', ...more },
      keyOf: (name) => `${name}/value`,
      requests: () => fake.seen.length,
      stop: () => fake.stop(),
    }
  },
})

const google: Kind = {
  title: '`google-secret-manager`, metadata server',
  async start(t, names) {
    const fake = await startFakeGoogle(t)
    for (const name of names) fake.secrets.add(name, value(name))
    return {
      provider: { type: 'google-secret-manager', endpoint: fake.origin },
      keyOf: (name) => name,
      env: { GCE_METADATA_HOST: fake.host },
      requests: () => fake.requests.length,
      stop: () => fake.stop(),
    }
  },
}

const azure: Kind = {
  title: '`azure-key-vault`, client secret',
  async start(t, names) {
    const authority = createAuthority()
    const entra = await startEntra(t, authority, { secret: 'CANARY-client-secret' })
    const fake = await startVault(t, issuedBy(entra))
    for (const name of names) fake.set(name, value(name))
    const ca = join(folderOf(t), 'ca.pem')
    await writeFile(ca, authority.ca)
    return {
      provider: {
        type: 'azure-key-vault',
        url: fake.origin,
        resource: vaultResource,
        authorityHost: entra.origin,
        ca: { file: ca },
        credential: { clientSecret: { tenantId, clientId, clientSecret: 'CANARY-client-secret' } },
      },
      keyOf: (name) => name,
      requests: () => fake.backend.requests.length + entra.backend.requests.length,
      stop: () => fake.backend.stop(),
    }
  },
}

const onepassword: Kind = {
  title: '`onepassword-connect`, one item a secret',
  async start(t, names) {
    const items = names.map((title) => ({
      title,
      fields: [{ id: idFor(`${title} value`), label: 'value', value: value(title) }],
    }))
    const fake = await startConnect(t, [{ name: 'app', items }])
    return {
      provider: { type: 'onepassword-connect', url: fake.url, token: connectToken },
      keyOf: (name) => `app/${name}/value`,
      requests: () => fake.backend.requests.length,
      stop: () => fake.backend.stop(),
    }
  },
}

const exec: Kind = {
  title: '`exec`, all at once (runs)',
  async start(t, names) {
    const folder = folderOf(t)
    const [secrets, runs] = [join(folder, 'secrets.json'), join(folder, 'runs')]
    await writeFile(secrets, JSON.stringify(Object.fromEntries(names.map((name) => [name, value(name)]))))
    await writeFile(runs, '')
    return {
      provider: { type: 'exec', command: ['/bin/sh', '-c', `echo >> "${runs}"; exec cat "${secrets}"`] },
      keyOf: (name) => name,
      requests: () => statSync(runs).size,
      stop: () => rm(secrets),
    }
  },
}

export const kinds: readonly Kind[] = [
  http('`http`, a list', '/secrets'),
  http('`http`, key by key', '/secrets/{key}'),
  vault,
  aws('`aws-secrets-manager`', 'aws-secrets-manager'),
  aws('`aws-parameter-store`, by name', 'aws-parameter-store'),
  aws('`aws-parameter-store`, by path', 'aws-parameter-store', { path: '/app/' }),
  kubernetes('`kubernetes`, by name, watched', {}),
  kubernetes('`kubernetes`, by selector, watched', { selector: 'app=shop' }),
  google,
  azure,
  onepassword,
  exec,
]
