import type { Test } from 'tap'
import type { OnepasswordConnectConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, faults, type Handler, startBackend } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { type FakeItem, startConnect } from '../../support/fake-onepassword.ts'
import { conformance, type Fault, type Harness, type Secrets, shortTimeout } from '../conformance.ts'
import { connectProvider } from './support.ts'

/** What of an item a key of the suite stands for, and how the backend holds it. */
interface Way {
  readonly keyOf: (key: string) => string
  readonly itemsOf: (secrets: Secrets) => FakeItem[]
}

function harness({ keyOf, itemsOf }: Way): Harness {
  const authority = createAuthority()

  /** The suite's keys are names of its own; a key of the provider has several parts. */
  const named = (provider: Provider): Provider => ({
    ...provider,
    async fetch(keys, signal, held) {
      const results = await provider.fetch(keys.map(keyOf), signal, held)
      return new Map(
        keys.flatMap((key) => {
          const result = results.get(keyOf(key))
          return result === undefined ? [] : [[key, result]]
        }),
      )
    },
  })
  const provide = async (t: Test, url: string, more: Partial<OnepasswordConnectConfig> = {}) =>
    named(await connectProvider(t, url, { vault: 'Main', ...more }))

  const answering = (handler: Handler, more?: Partial<OnepasswordConnectConfig>) => async (t: Test) => {
    const backend = await startBackend(t)
    backend.handler = handler
    return await provide(t, backend.origin, more)
  }

  const presenting =
    (options: ServerCertificateOptions, trusted = authority) =>
    async (t: Test) => {
      const connect = await startConnect(t, [], authority.issue(options))
      return await provide(t, connect.url, { ca: new StringSource(trusted.ca, 'text') })
    }

  const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
    denied: answering(answer(403, '{"status":403,"message":"CANARY-denied"}')),
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
    'host name without address': (t) => provide(t, `http://${'a'.repeat(64)}.invalid`),
    malformed: answering(answer(200, '[{"id":"CANARY-unfinished')),
    oversized: answering(answer(200, JSON.stringify([{ id: 'x', name: `CANARY-${'x'.repeat(500)}` }])), {
      maxBody: 500,
    }),
  }

  return {
    async serve(t, secrets) {
      const connect = await startConnect(t, [{ name: 'Main', items: itemsOf(secrets) }], authority.issue())
      return await provide(t, connect.url, { ca: new StringSource(authority.ca, 'text') })
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

/** A value that no field can hold lies in a file, as it would with 1Password. */
function contents(label: string, value: Buffer): Pick<FakeItem, 'fields' | 'files'> {
  const text = value.toString('utf8')
  return Buffer.from(text).equals(value)
    ? { fields: [{ label, value: text }] }
    : { files: [{ name: label, content: value }] }
}

conformance(
  '1Password Connect: an item a key',
  harness({
    keyOf: (key) => `${key}/password`,
    itemsOf: (secrets) => [...secrets].map(([title, value]) => ({ title, ...contents('password', value) })),
  }),
)

conformance(
  '1Password Connect: a field a key',
  harness({
    keyOf: (key) => `app/${key}`,
    itemsOf(secrets) {
      const all = [...secrets].map(([label, value]) => contents(label, value))
      const fields = all.flatMap((part) => part.fields ?? [])
      return [{ title: 'app', fields, files: all.flatMap((part) => part.files ?? []) }]
    },
  }),
)
