import type { Test } from 'tap'
import type { HttpProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, type BackendItem, faults, type Handler, startBackend } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { conformance, type Fault, type Harness, type Secrets, shortTimeout } from '../conformance.ts'
import { httpProvider } from './support.ts'

/** The same backend, asked in one of its ways: `path` is what of `url` follows the origin. */
function harness(path: string): Harness {
  const authority = createAuthority()

  const provide = (t: Test, origin: string, more: Partial<HttpProviderConfig> = {}): Promise<Provider> =>
    httpProvider(t, `${origin}${path}`, { token: new StringSource('CANARY-token'), ...more })

  const answering = (handler: Handler, more?: Partial<HttpProviderConfig>) => async (t: Test) => {
    const backend = await startBackend(t)
    backend.handler = handler
    return await provide(t, backend.origin, more)
  }

  const presenting =
    (options: ServerCertificateOptions, trusted = authority) =>
    async (t: Test) => {
      const backend = await startBackend(t, {
        tls: authority.issue(options),
        secrets: [['key', 'CANARY-value']],
      })
      return await provide(t, backend.origin, { ca: new StringSource(trusted.ca, 'text') })
    }

  const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
    denied: answering(answer(403, 'CANARY-denied')),
    throttled: answering(answer(429, 'CANARY-throttled', { 'retry-after': '7' })),
    absent: async (t) => {
      const backend = await startBackend(t)
      await backend.stop()
      return await provide(t, backend.origin)
    },
    failing: answering(answer(500, 'CANARY-stack-trace')),
    'reset before headers': answering(faults.resetBeforeHeaders),
    'reset amid the body': answering(faults.resetMidBody),
    'closed amid the body': answering(faults.closeMidBody),
    'never answering': answering(faults.hang, { timeout: shortTimeout }),
    'dripping byte by byte': answering(faults.drip, { timeout: shortTimeout }),
    'unknown certificate authority': presenting({}, createAuthority('another authority')),
    'expired certificate': presenting({ expired: true }),
    'certificate for another name': presenting({ names: ['elsewhere.test'] }),
    // A label longer than 63 characters (RFC 1035, section 2.3.4) fails before any name server is asked.
    'host name without address': (t) => provide(t, `http://${'a'.repeat(64)}.invalid`),
    malformed: answering(answer(200, '{"value":"CANARY-unfinished')),
    oversized: answering(answer(200, JSON.stringify([{ name: 'key', value: `CANARY-${'x'.repeat(500)}` }])), {
      maxBody: 500,
    }),
  }

  return {
    async serve(t, secrets) {
      const tls = authority.issue()
      const backend = await startBackend(t, { tls, token: 'CANARY-token', secrets: items(secrets) })
      return await provide(t, backend.origin, { ca: new StringSource(authority.ca, 'text') })
    },
    faults: shown,
    async waiting(t) {
      const backend = await startBackend(t)
      const asked = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      backend.handler = (request) => {
        asked.resolve()
        request.socket.once('close', () => left.resolve())
      }
      return { provider: await provide(t, backend.origin), asked: asked.promise, left: left.promise }
    },
    inapplicable: {},
  }
}

function* items(secrets: Secrets): Generator<[string, BackendItem]> {
  for (const [name, value] of secrets) yield [name, { value: value.toString('base64'), encoding: 'base64' }]
}

conformance('http list', harness('/secrets'))
conformance('http per key, JSON', harness('/secrets/{key}'))
conformance('http per key, raw', harness('/raw/{key}'))
