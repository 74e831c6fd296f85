import type { GoogleSecretManagerConfig } from '../../config/schema.ts'
import type { Fetched, Provider, ProviderContext } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import { Client } from './client.ts'
import { logIn } from './credentials/login.ts'
import { Sessions } from './credentials/sessions.ts'
import { Discovery } from './discovery.ts'
import { parentName } from './key.ts'
import { Places } from './places.ts'
import { valueIn } from './value.ts'

/** What is around the provider, and another in tests. */
export interface Surroundings {
  /** Where default credentials are looked for. */
  readonly env: NodeJS.ProcessEnv
  /** The IAM Service Account Credentials API, for `impersonate`. */
  readonly iamOrigin: string
}

const usual: Surroundings = { env: process.env, iamOrigin: 'https://iamcredentials.googleapis.com' }

/** Secrets of Google Secret Manager, over its REST API v1. */
export function createGoogleSecretManager(
  config: GoogleSecretManagerConfig,
  context: ProviderContext,
  { env, iamOrigin }: Surroundings = usual,
): Provider {
  const { name, clock } = context
  const { timeout, maxBody, maxSecrets, filter, ca, impersonate, maxConcurrentCalls: connections } = config
  const target = impersonate === undefined ? undefined : { account: impersonate, origin: iamOrigin }
  const login = {
    name,
    clock,
    timeout,
    ca,
    credentials: config.credentials,
    project: config.project,
    quotaProject: config.quotaProject,
    target,
    env,
  }
  const sessions = new Sessions({ name, clock, timeout, logIn: (signal) => logIn(login, signal) })
  const origin = new URL(config.endpoint ?? usualEndpoint(config.location)).origin
  const api = new ApiClient({ name, origin, option: 'endpoint', clock, timeout, maxBody, connections, ca })
  const client = new Client({ clock, sessions, api })
  const places = new Places(name, config.location)
  const discovery = new Discovery({ name, client, places, maxSecrets, filter })

  async function fetchOne(written: string, signal: AbortSignal): Promise<Fetched> {
    const key = places.keyOf(written)
    return await client.get(
      (session) => {
        const resource = `${parentName(places.parentOf(key, session))}/secrets/${key.secret}`
        return {
          path: `/v1/${resource}/versions/${key.version}:access`,
          asked: {
            key: written,
            permission: 'secretmanager.versions.access',
            role: 'roles/secretmanager.secretAccessor',
            resource,
          },
        }
      },
      (body) => valueIn(body, key),
      signal,
    )
  }

  return {
    fetch: (keys, signal) => fetchEach(keys, (key) => fetchOne(key, signal)),
    listKeys: (patterns, signal) => discovery.keys(patterns, signal),
    async close() {
      sessions.close()
      await api.close()
    },
  }
}

function usualEndpoint(location: string | undefined): string {
  const host = location === undefined ? 'secretmanager' : `secretmanager.${location}.rep`
  return `https://${host}.googleapis.com`
}
