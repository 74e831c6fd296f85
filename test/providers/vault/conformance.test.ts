import type { Test } from 'tap'
import type { VaultProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { SecretValue } from '../../../src/secrets/secret.ts'
import { answer, faults, type Handler, startBackend } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { startFakeVault } from '../../support/fake-vault.ts'
import {
  type Brought,
  conformance,
  type Fault,
  type Harness,
  type Secrets,
  shortTimeout,
} from '../conformance.ts'
import { vaultProvider, withToken } from './support.ts'

/**
 * The suite's keys and values are those of a backend without mounts and without fields: as a rule of the configuration
 * would, each key is put below a mount, and its one field is picked.
 */
function picked(provider: Provider): Provider {
  const inner = (key: string): string => `kv/${key}`
  return {
    ...provider,
    async fetch(keys, signal) {
      const brought = await provider.fetch(keys.map(inner), signal)
      return new Map(keys.map((key) => [key, fieldOf(brought.get(inner(key)))]))
    },
  }
}

function fieldOf(brought: Brought | undefined): Brought {
  if (brought === undefined) throw new Error('no entry for a key')
  if (!('value' in brought)) return brought
  const { value } = JSON.parse(brought.value.reveal().toString('utf8'))
  return { ...brought, value: SecretValue.fromText(value) }
}

function harness(version: 1 | 2): Harness {
  const authority = createAuthority()
  const config: Partial<VaultProviderConfig> = { kvVersion: version }

  const answering =
    (handler: Handler, more: Partial<VaultProviderConfig> = {}) =>
    async (t: Test) => {
      const backend = await startBackend(t)
      backend.handler = handler
      return picked(vaultProvider(t, backend.origin, { ...config, ...more }))
    }

  const presenting =
    (options: ServerCertificateOptions, trusted = authority) =>
    async (t: Test) => {
      const vault = await startFakeVault(t, { tls: authority.issue(options) })
      return picked(withToken(t, vault, { ...config, ca: new StringSource(trusted.ca, 'text') }))
    }

  const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
    denied: answering(answer(403, '{"errors":["permission denied CANARY-denied"]}')),
    throttled: answering(answer(429, '{"errors":["CANARY-throttled"]}', { 'retry-after': '7' })),
    absent: async (t) => {
      const backend = await startBackend(t)
      await backend.stop()
      return picked(vaultProvider(t, backend.origin, config))
    },
    failing: answering(answer(500, '{"errors":["CANARY-stack-trace"]}')),
    'reset before headers': answering(faults.resetBeforeHeaders),
    'reset amid the body': answering(faults.resetMidBody),
    'closed amid the body': answering(faults.closeMidBody),
    'never answering': answering(faults.hang, { timeout: shortTimeout }),
    'dripping byte by byte': answering(faults.drip, { timeout: shortTimeout }),
    'unknown certificate authority': presenting({}, createAuthority('another authority')),
    'expired certificate': presenting({ expired: true }),
    'certificate for another name': presenting({ names: ['elsewhere.test'] }),
    // A label longer than 63 characters (RFC 1035, section 2.3.4) fails before any name server is asked.
    'host name without address': async (t) =>
      picked(vaultProvider(t, `http://${'a'.repeat(64)}.invalid`, config)),
    malformed: answering(answer(200, '{"data":{"data":{"value":"CANARY-unfinished')),
    oversized: answering(answer(200, `{"data":{"data":{"value":"CANARY-${'x'.repeat(500)}"}}}`), {
      maxBody: 500,
    }),
  }

  return {
    async serve(t, secrets) {
      const vault = await startFakeVault(t, { tls: authority.issue() })
      fill(vault.mountKv('kv/', version), secrets)
      return picked(withToken(t, vault, { ca: new StringSource(authority.ca, 'text') }))
    },
    faults: shown,
    async waiting(t) {
      const vault = await startFakeVault(t)
      vault.mountKv('kv/', version)
      const asked = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      vault.intercept = ({ path, socket }) => {
        if (!path.startsWith('kv/')) return undefined
        asked.resolve()
        socket.once('close', () => left.resolve())
        return 'hang'
      }
      const provider = picked(withToken(t, vault))
      return { provider, asked: asked.promise, left: left.promise }
    },
    inapplicable: { 'binary values': 'a value is a map of JSON, which has no bytes' },
  }
}

function fill(kv: { put(path: string, data: Record<string, unknown>): unknown }, secrets: Secrets): void {
  for (const [path, value] of secrets) kv.put(path, { value: value.toString('utf8') })
}

conformance('vault, KV version 1', harness(1))
conformance('vault, KV version 2', harness(2))
