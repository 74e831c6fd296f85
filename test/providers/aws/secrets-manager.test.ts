import t from 'tap'
import { answer } from '../../support/backend.ts'
import { startFakeAws } from '../../support/fake-aws.ts'
import { arnOf, FakeError } from '../../support/fake-aws-services.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal, text } from '../conformance.ts'
import { environment, putSecret, secretsManager, staticKeys, versionOf } from './support.ts'

environment(t, staticKeys)

t.test('keys that are due together take one call, each with the version that AWS gave it', async (t) => {
  const fake = await startFakeAws(t)
  const keys = Array.from({ length: 20 }, (_, n) => `team/secret-${n}`)
  for (const key of keys) putSecret(fake, key, `CANARY-${key}`)
  const provider = await secretsManager(t, fake.origin)
  t.equal(provider.batchSize, 20)
  const result = await provider.fetch(keys, signal())
  for (const key of keys) {
    t.equal(text(result.get(key)), `CANARY-${key}`)
    t.match(result.get(key), { version: versionOf(`CANARY-${key}`) })
  }
  t.same(fake.operationsCalled, ['BatchGetSecretValue'])
})

t.test('one key alone needs no right to batches', async (t) => {
  const fake = await startFakeAws(t)
  putSecret(fake, 'a', 'CANARY-a')
  const provider = await secretsManager(t, fake.origin)
  t.equal(text((await provider.fetch(['a'], signal())).get('a')), 'CANARY-a')
  t.same(fake.operationsCalled, ['GetSecretValue'])
})

t.test('a version that is picked by its stage or its id is asked for alone', async (t) => {
  const fake = await startFakeAws(t)
  putSecret(fake, 'a', 'CANARY-old')
  putSecret(fake, 'a', 'CANARY-new')
  putSecret(fake, 'b', 'CANARY-b')
  const keys = ['a', 'b', 'a?stage=AWSPREVIOUS', `a?version=${versionOf('CANARY-old')}`, 'a?stage=GONE']
  const provider = await secretsManager(t, fake.origin)
  const result = await provider.fetch(keys, signal())
  t.same(
    keys.slice(0, 4).map((key) => text(result.get(key))),
    ['CANARY-new', 'CANARY-b', 'CANARY-old', 'CANARY-old'],
  )
  t.match(result.get('a?stage=GONE'), { kind: 'missing' })
  t.equal(fake.operationsCalled.filter((name) => name === 'BatchGetSecretValue').length, 1)
  t.equal(fake.operationsCalled.filter((name) => name === 'GetSecretValue').length, 3)
})

t.test('names, whole ARNs and ARNs without their ending get what they mean, each its own copy', async (t) => {
  const fake = await startFakeAws(t)
  putSecret(fake, 'app', 'CANARY-app')
  putSecret(fake, 'app-longer', 'CANARY-longer')
  const keys = [
    'app',
    arnOf('app'),
    arnOf('app').slice(0, -7),
    'app-longer',
    arnOf('app-longer').slice(0, -7),
  ]
  const provider = await secretsManager(t, fake.origin)
  const result = await provider.fetch(keys, signal())
  const expected = ['CANARY-app', 'CANARY-app', 'CANARY-app', 'CANARY-longer', 'CANARY-longer']
  t.same(
    keys.map((key) => text(result.get(key))),
    expected,
  )
  const first = result.get('app')
  if (first === undefined || !('value' in first)) throw new Error('nothing was fetched')
  first.value.wipe()
  t.equal(text(result.get(arnOf('app'))), 'CANARY-app', 'overwriting one leaves the others')
})

t.test('an answer to a batch that comes in pages is read to its end', async (t) => {
  const fake = await startFakeAws(t)
  const keys = Array.from({ length: 20 }, (_, n) => `secret-${n}`)
  for (const key of keys) putSecret(fake, key, `CANARY-${key}`)
  fake.batchPage = 3
  const result = await (await secretsManager(t, fake.origin)).fetch(keys, signal())
  for (const key of keys) t.equal(text(result.get(key)), `CANARY-${key}`)
  t.equal(fake.calls.length, 7)
})

t.test('what fails of a batch fails for its key alone, in words of ours', async (t) => {
  const fake = await startFakeAws(t)
  for (const key of ['good', 'denied', 'encrypted', 'broken']) putSecret(fake, key, `CANARY-${key}`)
  fake.secrets.set('deleted', { arn: arnOf('deleted'), versions: [], deleted: true })
  fake.refusals.set('GetSecretValue denied', new FakeError('AccessDeniedException'))
  fake.refusals.set('GetSecretValue encrypted', new FakeError('DecryptionFailure'))
  fake.refusals.set('GetSecretValue broken', new FakeError('InternalServiceError'))
  const keys = ['good', 'denied', 'encrypted', 'broken', 'deleted', 'gone']
  const result = await (await secretsManager(t, fake.origin)).fetch(keys, signal())
  t.equal(text(result.get('good')), 'CANARY-good')
  t.match(result.get('denied'), {
    kind: 'denied',
    message: /no right to "denied"\. Allow secretsmanager:GetSecretValue/,
  })
  t.match(result.get('encrypted'), {
    kind: 'denied',
    message: /"encrypted" cannot be decrypted\. Allow kms:Decrypt/,
  })
  t.match(result.get('broken'), { kind: 'unavailable', reason: 'status' })
  t.match(result.get('deleted'), { kind: 'missing', message: /"deleted" is marked for deletion/ })
  t.match(result.get('gone'), {
    kind: 'missing',
    message: /in eu-central-1: there is no secret with the key "gone"/,
  })
  t.same(fake.operationsCalled, ['BatchGetSecretValue'])
  leaksNothing(t, result)
})

t.test('a key that the answer to a batch says nothing of is asked for alone', async (t) => {
  const fake = await startFakeAws(t)
  for (const key of ['a', 'b']) putSecret(fake, key, `CANARY-${key}`)
  fake.omitted.add('b').add('gone')
  const result = await (await secretsManager(t, fake.origin)).fetch(['a', 'b', 'gone'], signal())
  t.equal(text(result.get('b')), 'CANARY-b')
  t.match(result.get('gone'), { kind: 'missing' })
  t.equal(fake.calls.length, 3)
})

t.test('where batches are denied each is asked for alone, for a while, and that is told once', async (t) => {
  const fake = await startFakeAws(t)
  for (const key of ['a', 'b']) putSecret(fake, key, `CANARY-${key}`)
  fake.refusals.set('BatchGetSecretValue', new FakeError('AccessDeniedException'))
  const clock = new VirtualClock()
  const told: string[] = []
  const provider = await secretsManager(t, fake.origin, {}, { clock, warn: (message) => told.push(message) })
  const fetched = async (): Promise<string[]> => {
    fake.calls.length = 0
    const result = await provider.fetch(['a', 'b'], signal())
    t.equal(text(result.get('a')), 'CANARY-a')
    t.equal(text(result.get('b')), 'CANARY-b')
    return fake.operationsCalled
  }
  t.same(await fetched(), ['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue'])
  t.same(await fetched(), ['GetSecretValue', 'GetSecretValue'])
  await clock.advance(15 * 60_000)
  t.same(await fetched(), ['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue'])
  fake.refusals.clear()
  await clock.advance(15 * 60_000)
  t.same(await fetched(), ['BatchGetSecretValue'])
  t.equal(told.length, 1)
  t.match(told[0], /Allow secretsmanager:BatchGetSecretValue/)
  leaksNothing(t, told)
})

t.test('secrets that are too large together are fetched one by one', async (t) => {
  const fake = await startFakeAws(t)
  for (const key of ['a', 'b']) putSecret(fake, key, `CANARY-${key}${'x'.repeat(600)}`)
  const result = await (await secretsManager(t, fake.origin, { maxBody: 1000 })).fetch(['a', 'b'], signal())
  t.match(text(result.get('a')), /^CANARY-a/)
  t.match(text(result.get('b')), /^CANARY-b/)
})

t.test('a backend that fails as a whole is not asked on', async (t) => {
  const fake = await startFakeAws(t)
  let asked = 0
  fake.backend.handler = (request, response) => {
    asked++
    answer(400, '{"__type":"ThrottlingException"}')(request, response)
  }
  const keys = Array.from({ length: 200 }, (_, n) => `secret-${n}`)
  const result = await (await secretsManager(t, fake.origin)).fetch(keys, signal())
  t.equal(result.size, 200)
  for (const entry of result.values()) t.match(entry, { kind: 'throttled', retryAfterMs: undefined })
  t.equal(asked, 1)
})

t.test('an entry without a value, or with one that is no text, is an error of its key', async (t) => {
  const fake = await startFakeAws(t)
  const entry = (more: object): object => ({ ARN: arnOf('a'), Name: 'a', VersionId: versionOf('a'), ...more })
  for (const more of [{}, { SecretString: 'CANARY-\ud800' }]) {
    const body = JSON.stringify({ SecretValues: [entry(more)], Errors: [] })
    fake.backend.handler = answer(200, body)
    const provider = await secretsManager(t, fake.origin)
    const result = await provider.fetch(['a', 'b'], signal())
    t.match(result.get('a'), { kind: 'unavailable', reason: 'malformed', message: /"a" has no value/ })
    leaksNothing(t, result)
  }
})
