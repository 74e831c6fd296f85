import t from 'tap'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { answer } from '../../support/backend.ts'
import { startFakeAws } from '../../support/fake-aws.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { environment, parameterStore, putSecret, secretsManager, staticKeys } from './support.ts'

environment(t, staticKeys)

const json = { 'content-type': 'application/x-amz-json-1.1' }

for (const [status, code, expected] of [
  [400, 'ThrottlingException', { kind: 'throttled', reason: 'throttled' }],
  [400, 'TooManyRequestsException', { kind: 'throttled' }],
  [400, 'RequestLimitExceeded', { kind: 'throttled' }],
  [429, 'Whatever', { kind: 'throttled' }],
  [503, 'ThrottledException', { kind: 'throttled' }],
  [400, 'ExpiredTokenException', { kind: 'denied', message: /have expired\. Renew them/ }],
  [403, 'RequestExpired', { kind: 'denied', message: /have expired/ }],
  [400, 'UnrecognizedClientException', { kind: 'denied', message: /does not know the credentials/ }],
  [403, 'InvalidClientTokenId', { kind: 'denied', message: /does not know the credentials/ }],
  [400, 'IncompleteSignatureException', { kind: 'denied', message: /does not know the credentials/ }],
  [400, 'InvalidSignatureException', { kind: 'denied', message: /Check the clock/ }],
  [403, 'SignatureDoesNotMatch', { kind: 'denied', message: /Check the clock/ }],
  [400, 'AccessDeniedException', { kind: 'denied', message: /Allow secretsmanager:GetSecretValue/ }],
  [403, 'Whatever', { kind: 'denied', message: /Allow secretsmanager:GetSecretValue/ }],
  [400, 'DecryptionFailure', { kind: 'denied', message: /Allow kms:Decrypt/ }],
  [400, 'KMSAccessDeniedException', { kind: 'denied', message: /Allow kms:Decrypt/ }],
  [400, 'ResourceNotFoundException', { kind: 'missing', reason: 'not-found' }],
  [400, 'InvalidRequestException', { kind: 'unavailable', reason: 'status' }],
  [
    400,
    'ValidationException',
    { kind: 'unavailable', reason: 'status', message: /does not accept the request/ },
  ],
  [400, 'CANARYWhatever', { kind: 'unavailable', reason: 'status', message: /\(status 400\)/ }],
  [404, 'UnknownOperationException', { kind: 'unavailable', message: /not this service\. Check endpoint/ }],
  [500, 'InternalServiceError', { kind: 'unavailable', reason: 'status', message: /AWS failed/ }],
  [503, 'ServiceUnavailable', { kind: 'unavailable', reason: 'status' }],
] as const) {
  t.test(`${status} ${code} is told in words of ours`, async (t) => {
    const fake = await startFakeAws(t)
    const body = JSON.stringify({ __type: `prefix#${code}`, message: 'CANARY-message', Message: 'CANARY-2' })
    fake.backend.handler = answer(status, body, json)
    const error = await failureOf((await secretsManager(t, fake.origin)).fetch(['key'], signal()))
    t.match(error, expected)
    t.match(error.message, /^provider "backend": GetSecretValue in eu-central-1: /)
    leaksNothing(t, error)
  })
}

t.test('a refused right is told apart from a refused KMS key by the words of AWS', async (t) => {
  for (const [message, expected] of [
    ['Access to KMS is not allowed', /Allow kms:Decrypt/],
    ['User: arn:x is not authorized to perform: kms:Decrypt on resource: arn:y', /Allow kms:Decrypt/],
    [
      'not authorized to perform: secretsmanager:GetSecretValue on resource: kms-secret',
      /Allow secretsmanager:/,
    ],
  ] as const) {
    const fake = await startFakeAws(t)
    fake.backend.handler = answer(400, JSON.stringify({ __type: 'AccessDeniedException', message }), json)
    const error = await failureOf((await secretsManager(t, fake.origin)).fetch(['key'], signal()))
    t.match(error.message, expected)
  }
})

t.test('how long AWS asks to wait is passed on, in each of its forms', async (t) => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1))
  for (const [headers, ms] of [
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }, 9000],
    [{ 'x-amz-retry-after': '1500' }, 1500],
    [{ 'retry-after': 'CANARY-nonsense' }, undefined],
    [{ 'retry-after': '99999999' }, 3_600_000],
    [{}, undefined],
  ] as const) {
    const fake = await startFakeAws(t)
    fake.backend.handler = answer(400, '{"__type":"ThrottlingException"}', { ...json, ...headers })
    const provider = await secretsManager(t, fake.origin, {}, { clock })
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.equal(error.kind, 'throttled')
    t.equal(error.retryAfterMs, ms)
    leaksNothing(t, error)
  }
})

t.test('what is no answer of AWS is told as that, whatever it says', async (t) => {
  for (const [status, body, type, expected] of [
    [
      200,
      '<html>CANARY-captive portal</html>',
      'text/html',
      { reason: 'malformed', message: /Check endpoint/ },
    ],
    [200, '[]', 'application/json', { reason: 'malformed' }],
    [200, '"CANARY-text"', 'application/json', { reason: 'malformed' }],
    [200, '', 'application/json', { reason: 'malformed' }],
    [200, '{"SecretString":{"CANARY-a":1}}', 'application/json', { reason: 'malformed' }],
    [502, '<html>CANARY-bad gateway</html>', 'text/html', { reason: 'status' }],
    [403, '<html>CANARY-proxy</html>', 'text/html', { kind: 'denied' }],
    [301, '', 'text/html', { reason: 'status' }],
  ] as const) {
    const fake = await startFakeAws(t)
    fake.backend.handler = answer(status, body, { 'content-type': type, location: 'http://CANARY-elsewhere' })
    for (const provider of [await secretsManager(t, fake.origin), await parameterStore(t, fake.origin)]) {
      const error = await failureOf(provider.fetch(['key'], signal()))
      t.match(error, expected, `${status} ${body}`)
      leaksNothing(t, error)
    }
  }
})

t.test('members of other types than AWS has are malformed too', async (t) => {
  for (const body of [
    { SecretValues: { 'CANARY-a': 1 } },
    { SecretValues: ['CANARY-a'] },
    { SecretValues: [null] },
    { SecretValues: [{ Name: 'key', SecretString: ['CANARY-a'] }] },
    { SecretValues: [{ Name: 'key', ARN: 7, SecretString: 7 }] },
    { SecretValues: [], Errors: 'CANARY-a' },
    { SecretValues: [], NextToken: ['CANARY-a'] },
    { SecretList: 'CANARY-a', Parameters: 'CANARY-a' },
    { SecretList: [{ Name: 7 }], Parameters: [{ Name: 7 }] },
    { InvalidParameters: 7 },
  ]) {
    const fake = await startFakeAws(t)
    fake.backend.handler = answer(200, JSON.stringify(body), json)
    const secrets = await secretsManager(t, fake.origin)
    const parameters = await parameterStore(t, fake.origin)
    const all = await parameterStore(t, fake.origin, { path: '/' })
    for (const asked of [
      () => secrets.fetch(['key', 'other'], signal()),
      () => secrets.listKeys?.(['*'], signal()),
      () => parameters.fetch(['key', 'other'], signal()),
      () => parameters.listKeys?.(['*'], signal()),
      () => all.fetchAll?.(signal()),
    ]) {
      const outcome: unknown = await asked()?.catch((error: unknown) => error)
      leaksNothing(t, outcome)
      for (const one of outcome instanceof Map ? outcome.values() : [outcome]) {
        t.ok(Array.isArray(one) || one instanceof ProviderError, `${JSON.stringify(body)}: ${String(one)}`)
        if (one instanceof ProviderError) t.equal(one.reason, 'malformed', one.message)
      }
    }
  }
})

t.test('the SDK asks once: trying again is for whoever keeps the schedule', async (t) => {
  const fake = await startFakeAws(t)
  fake.backend.handler = answer(500, '{"__type":"InternalServiceError"}', json)
  await failureOf((await secretsManager(t, fake.origin)).fetch(['key'], signal()))
  t.equal(fake.backend.requests.length, 1)
})

t.test('the deadline is the injected clock’s, and leaves no timer behind', async (t) => {
  const clock = new VirtualClock()
  const fake = await startFakeAws(t)
  const asked = Promise.withResolvers<void>()
  fake.backend.handler = () => asked.resolve()
  const provider = await secretsManager(t, fake.origin, { timeout: 60_000 }, { clock })
  const fetching = failureOf(provider.fetch(['key'], signal()))
  await asked.promise
  await clock.advance(60_000)
  t.match(await fetching, { kind: 'unavailable', reason: 'timeout', message: /within 60000 ms/ })
  t.equal(clock.pending, 0)
})

t.test('a call after a failure is a call of its own', async (t) => {
  const fake = await startFakeAws(t)
  putSecret(fake, 'key', 'CANARY-1')
  const { handler } = fake.backend
  fake.backend.handler = (request) => void request.socket.resetAndDestroy()
  const provider = await secretsManager(t, fake.origin)
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'reset' })
  fake.backend.handler = handler
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
})
