import type { Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, faults, type Handler } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { startKubernetes } from '../../support/fake-kubernetes.ts'
import { statusOf } from '../../support/fake-kubernetes-objects.ts'
import { conformance, type Fault, type Harness, type Secrets, shortTimeout } from '../conformance.ts'
import { kubernetesProvider, type More } from './support.ts'

const authority = createAuthority()
const store = 'store'

/**
 * The suite's keys, each an entry of one Secret. Entries are called by ASCII letters, digits, `-`, `_` and `.` alone, so that
 * a name with other characters stands as its hexadecimal digits.
 */
function entryOf(key: string): string {
  return /^[-._a-zA-Z0-9]+$/.test(key) ? key : `x.${Buffer.from(key).toString('hex')}`
}

function keyOf(key: string): string {
  // These are no keys of Kubernetes at all, whatever they would stand for.
  return key === '' || key.startsWith('..') || key === '__proto__' ? key : `${store}/${entryOf(key)}`
}

/** The same provider, asked with the suite's keys. */
function translated(provider: Provider, secrets: Secrets = new Map()): Provider {
  const back = new Map(
    [...secrets.keys(), 'key', 'gone', 'there', '__proto__', '../there', ''].map((key) => [keyOf(key), key]),
  )
  const { fetchAll } = provider
  return {
    ...provider,
    async fetch(keys, signal) {
      const brought = await provider.fetch(keys.map(keyOf), signal)
      return new Map([...brought].map(([key, entry]) => [back.get(key) ?? key, entry]))
    },
    ...(fetchAll && {
      async fetchAll(signal) {
        const all = await fetchAll.call(provider, signal)
        return new Map(
          [...all].filter(([key]) => key !== store).map(([key, entry]) => [back.get(key) ?? key, entry]),
        )
      },
    }),
  }
}

function harness(more: More): Harness {
  const provide = (t: Test, url: string, further: More = {}): Provider =>
    translated(kubernetesProvider(t, { url, ...more, ...further }))

  const answering = (handler: Handler, further?: More) => async (t: Test) => {
    const fake = await startKubernetes(t)
    fake.misbehaviour = () => handler
    return provide(t, fake.url, further)
  }

  const presenting =
    (options: ServerCertificateOptions, trusted = authority) =>
    async (t: Test) => {
      const fake = await startKubernetes(t, { tls: authority.issue(options) })
      return provide(t, fake.url, { ca: new StringSource(trusted.ca, 'text') })
    }

  const status = (code: number, reason: string, headers = {}): Handler =>
    answer(code, JSON.stringify(statusOf(code, reason)), { 'content-type': 'application/json', ...headers })

  const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
    denied: answering(status(403, 'Forbidden')),
    throttled: answering(status(429, 'TooManyRequests', { 'retry-after': '7' })),
    absent: async (t) => {
      const fake = await startKubernetes(t)
      await fake.stop()
      return provide(t, fake.url)
    },
    failing: answering(status(500, 'InternalError')),
    'reset before headers': answering(faults.resetBeforeHeaders),
    'reset amid the body': answering(faults.resetMidBody),
    'closed amid the body': answering(faults.closeMidBody),
    'never answering': answering(faults.hang, { timeout: shortTimeout }),
    'dripping byte by byte': answering(faults.drip, { timeout: shortTimeout }),
    'unknown certificate authority': presenting({}, createAuthority('another authority')),
    'expired certificate': presenting({ expired: true }),
    'certificate for another name': presenting({ names: ['elsewhere.test'] }),
    'host name without address': async (t) => provide(t, `https://${'a'.repeat(64)}.invalid`),
    malformed: answering(answer(200, '{"kind":"Secret","data":{"key":"CANARY-unfinished')),
    oversized: async (t) => {
      const fake = await startKubernetes(t)
      fake.store.put('app', store, { key: `CANARY-${'x'.repeat(500)}` }, { app: 'shop' })
      return provide(t, fake.url, { maxBody: 500 })
    },
  }

  return {
    async serve(t, secrets) {
      const fake = await startKubernetes(t, { tls: authority.issue() })
      const data = Object.fromEntries([...secrets].map(([name, value]) => [entryOf(name), value]))
      fake.store.put('app', store, data, { app: 'shop' })
      fake.store.put('app', 'another', { key: 'CANARY-another' }, { app: 'other' })
      const ca = new StringSource(authority.ca, 'text')
      return translated(kubernetesProvider(t, { url: fake.url, ca, ...more }), secrets)
    },
    faults: shown,
    async waiting(t) {
      const fake = await startKubernetes(t)
      const asked = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      fake.misbehaviour = () => (request) => {
        asked.resolve()
        request.socket.once('close', () => left.resolve())
      }
      return { provider: provide(t, fake.url), asked: asked.promise, left: left.promise }
    },
    inapplicable: {},
  }
}

conformance('kubernetes by name', harness({}))
conformance('kubernetes by selector', harness({ selector: 'app=shop' }))
