import type { Test } from 'tap'
import type { AzureKeyVaultConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, faults, type Handler } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { startEntra } from '../../support/fake-azure-entra.ts'
import { failure, issuedBy, startVault } from '../../support/fake-azure-vault.ts'
import { conformance, type Secrets } from '../conformance.ts'
import { authority, azure, secretCredential, vaultProvider } from './support.ts'

/** A provider that is signed in already, whose vault then answers so. */
const answering =
  (handler: Handler, more: Partial<AzureKeyVaultConfig> = {}) =>
  async (t: Test): Promise<Provider> => {
    const { vault, provider } = await azure(t, more)
    vault.fault = handler
    return provider
  }

const presenting =
  (options: ServerCertificateOptions, trusted = authority) =>
  async (t: Test): Promise<Provider> => {
    const entra = await startEntra(t, trusted, { secret: 'CANARY-client-secret' })
    const vault = await startVault(t, issuedBy(entra), { tls: authority.issue(options) })
    const ca = new StringSource(trusted.ca, 'text')
    return await vaultProvider(t, vault.origin, {
      credential: secretCredential,
      authorityHost: entra.origin,
      ca,
    })
  }

/** A vault has names of ASCII letters, digits and hyphens alone: what the suite calls its secrets is spelt so. */
function spelt(provider: Provider, secrets: Secrets): Provider {
  const spellings = new Map([...secrets.keys()].map((name) => [name, spelling(name)]))
  return {
    async fetch(keys, signal) {
      const asked = keys.map((key) => [key, spellings.get(key) ?? key] as const)
      const found = await provider.fetch(
        asked.map(([, name]) => name),
        signal,
      )
      return new Map(
        asked.flatMap(([key, name]) => {
          const one = found.get(name)
          return one === undefined ? [] : [[key, one] as const]
        }),
      )
    },
  }
}

function spelling(name: string): string {
  return /^[0-9A-Za-z-]+$/.test(name) ? name : `x-${Buffer.from(name).toString('hex')}`
}

conformance('azure-key-vault', {
  async serve(t, secrets) {
    const { vault, provider } = await azure(t)
    for (const [name, value] of secrets) vault.set(spelling(name), value.toString('utf8'))
    return spelt(provider, secrets)
  },
  faults: {
    denied: answering(failure(403, 'Forbidden', '', {}, 'ForbiddenByRbac')),
    throttled: answering(failure(429, 'Throttled', '', { 'retry-after': '7' })),
    absent: async (t) => {
      const { vault, provider } = await azure(t)
      await vault.backend.stop()
      return provider
    },
    failing: answering(answer(500, 'CANARY-stack-trace')),
    'reset before headers': answering(faults.resetBeforeHeaders),
    'reset amid the body': answering(faults.resetMidBody),
    'closed amid the body': answering(faults.closeMidBody),
    'never answering': answering(faults.hang, { timeout: 400 }),
    'dripping byte by byte': answering(faults.drip, { timeout: 400 }),
    'unknown certificate authority': presenting({}, createAuthority('another authority')),
    'expired certificate': presenting({ expired: true }),
    'certificate for another name': presenting({ names: ['elsewhere.test'] }),
    'host name without address': async (t) => {
      const entra = await startEntra(t, authority, { secret: 'CANARY-client-secret' })
      // A label longer than 63 characters (RFC 1035, section 2.3.4) fails before any name server is asked.
      const url = `https://${'a'.repeat(64)}.invalid`
      return await vaultProvider(t, url, { credential: secretCredential, authorityHost: entra.origin })
    },
    malformed: answering(answer(200, '{"value":"CANARY-unfinished')),
    oversized: answering(answer(200, JSON.stringify({ value: `CANARY-${'x'.repeat(500)}` })), {
      maxBody: 500,
    }),
  },
  async waiting(t) {
    const { vault, provider } = await azure(t)
    const asked = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    vault.fault = (request) => {
      asked.resolve()
      request.socket.once('close', () => left.resolve())
    }
    return { provider, asked: asked.promise, left: left.promise }
  },
  inapplicable: { 'binary values': 'the value of a secret is a string of JSON' },
})
