import { isUtf8 } from 'node:buffer'
import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, type BackendOptions, faults, type Handler } from '../../support/backend.ts'
import { createAuthority, type ServerCertificateOptions } from '../../support/certificates.ts'
import { type FakeAws, startFakeAws } from '../../support/fake-aws.ts'
import { arnOf } from '../../support/fake-aws-services.ts'
import { conformance, type Fault, type Harness, type Secrets, shortTimeout } from '../conformance.ts'
import { environment, parameterStore, secretsManager, staticKeys, versionOf } from './support.ts'

interface Options {
  readonly timeout?: number
  readonly maxBody?: number
  readonly ca?: StringSource
}

type Provide = (t: Test, origin: string, more?: Options) => Promise<Provider>

environment(t, staticKeys)

const type = 'application/x-amz-json-1.1'
const error = (code: string): string => JSON.stringify({ __type: code, message: 'CANARY-message' })

function harness(
  provide: Provide,
  put: (fake: FakeAws, secrets: Secrets) => void,
  inapplicable: Harness['inapplicable'],
): Harness {
  const authority = createAuthority()

  const started = async (t: Test, options: BackendOptions = {}): Promise<FakeAws> => {
    const fake = await startFakeAws(t, options)
    put(fake, new Map([['key', Buffer.from('CANARY-value')]]))
    return fake
  }

  const answering = (handler: Handler, more?: Options) => async (t: Test) => {
    const fake = await started(t)
    fake.backend.handler = handler
    return await provide(t, fake.origin, more)
  }

  const presenting =
    (options: ServerCertificateOptions, trusted = authority) =>
    async (t: Test) => {
      const fake = await started(t, { tls: authority.issue(options) })
      return await provide(t, fake.origin, { ca: new StringSource(trusted.ca, 'text') })
    }

  const shown: Record<Fault, (t: Test) => Promise<Provider>> = {
    denied: answering(answer(400, error('AccessDeniedException'), { 'content-type': type })),
    throttled: answering(
      answer(400, error('ThrottlingException'), { 'content-type': type, 'retry-after': '7' }),
    ),
    absent: async (t) => {
      const fake = await started(t)
      await fake.backend.stop()
      return await provide(t, fake.origin)
    },
    failing: answering(answer(500, error('InternalServiceError'), { 'content-type': type })),
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
    malformed: answering(answer(200, '{"SecretString":"CANARY-unfinished', { 'content-type': type })),
    oversized: async (t) => {
      const fake = await started(t)
      put(fake, new Map([['key', Buffer.from(`CANARY-${'x'.repeat(500)}`)]]))
      return await provide(t, fake.origin, { maxBody: 500 })
    },
  }

  return {
    async serve(t, secrets) {
      const fake = await startFakeAws(t, { tls: authority.issue() })
      put(fake, secrets)
      return await provide(t, fake.origin, { ca: new StringSource(authority.ca, 'text') })
    },
    faults: shown,
    async waiting(t) {
      const fake = await started(t)
      const asked = Promise.withResolvers<void>()
      const left = Promise.withResolvers<void>()
      fake.backend.handler = (request) => {
        asked.resolve()
        request.socket.once('close', () => left.resolve())
      }
      return { provider: await provide(t, fake.origin), asked: asked.promise, left: left.promise }
    },
    inapplicable,
  }
}

function putSecrets(fake: FakeAws, secrets: Secrets): void {
  for (const [name, value] of secrets) {
    const held = isUtf8(value) ? { text: value.toString('utf8') } : { bytes: value }
    const versions = [{ id: versionOf(name), stages: ['AWSCURRENT'], ...held }]
    fake.secrets.set(name, { arn: arnOf(name), versions })
  }
}

function putParameters(fake: FakeAws, secrets: Secrets): void {
  for (const [name, value] of secrets) fake.parameters.set(name, { values: [value.toString('utf8')] })
}

const names = { 'names in UTF-8': 'names are of ASCII letters, digits and a few marks' }
const texts = { ...names, 'binary values': 'a parameter is text' }

conformance('aws-secrets-manager', harness(secretsManager, putSecrets, names))
conformance('aws-parameter-store by name', harness(parameterStore, putParameters, texts))
conformance(
  'aws-parameter-store by path',
  harness((t, origin, more) => parameterStore(t, origin, { path: '/', ...more }), putParameters, texts),
)
