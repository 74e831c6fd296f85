import type { Test } from 'tap'
import type { GoogleSecretManagerConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, faults, type Handler, startBackend } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { startFakeGoogle } from '../../support/fake-google.ts'
import { conformance, type Fault, type Secrets, shortTimeout } from '../conformance.ts'
import { googleProvider, literal } from './support.ts'

const authority = createAuthority()

/** Logins as they should be, and Secret Manager at another address. */
async function elsewhere(
  t: Test,
  endpoint: string,
  more: Partial<GoogleSecretManagerConfig> = {},
): Promise<Provider> {
  return googleProvider(t, await startFakeGoogle(t), more, { endpoint })
}

const answering = (handler: Handler, more?: Partial<GoogleSecretManagerConfig>) => async (t: Test) => {
  const backend = await startBackend(t)
  backend.handler = handler
  return await elsewhere(t, backend.origin, more)
}

const presenting =
  (options: ServerCertificateOptions, trusted = authority) =>
  async (t: Test) => {
    const backend = await startBackend(t, { tls: authority.issue(options) })
    return await elsewhere(t, backend.origin, { ca: new StringSource(trusted.ca, 'text') })
  }

const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
  denied: answering(answer(403, '{"error":{"status":"PERMISSION_DENIED","message":"CANARY-denied"}}')),
  throttled: answering(answer(429, 'CANARY-throttled', { 'retry-after': '7' })),
  absent: async (t) => {
    const backend = await startBackend(t)
    await backend.stop()
    return await elsewhere(t, backend.origin)
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
  'host name without address': (t) => elsewhere(t, `http://${'a'.repeat(64)}.invalid`),
  malformed: answering(answer(200, '{"name":"CANARY-unfinished')),
  oversized: answering(answer(200, JSON.stringify({ payload: { data: `CANARY-${'x'.repeat(500)}` } })), {
    maxBody: 500,
  }),
}

conformance('google-secret-manager', {
  async serve(t, secrets: Secrets) {
    const google = await startFakeGoogle(t, { tls: authority.issue() })
    for (const [name, value] of secrets) google.secrets.add(name, value)
    const ca = new StringSource(authority.ca, 'text')
    return googleProvider(t, google, { ca, credentials: literal(google.logins.serviceAccount()) })
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
    return { provider: await elsewhere(t, backend.origin), asked: asked.promise, left: left.promise }
  },
  inapplicable: {
    'names in UTF-8': 'the ID of a secret is of ASCII letters, digits, hyphens and underscores',
  },
})
