import t from 'tap'
import { answer } from '../../support/backend.ts'
import { type FakeAws, startFakeAws } from '../../support/fake-aws.ts'
import { FakeError } from '../../support/fake-aws-services.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal, text } from '../conformance.ts'
import { environment, fetchedAll, listed, parameterStore, staticKeys } from './support.ts'

environment(t, staticKeys)

const arn = (name: string): string => `arn:aws:ssm:eu-central-1:123456789012:parameter${name}`

async function started(t: Parameters<typeof startFakeAws>[0], ...names: string[]): Promise<FakeAws> {
  const fake = await startFakeAws(t)
  for (const name of names) fake.parameters.set(name, { values: [`CANARY-${name}`] })
  return fake
}

t.test('keys that are due together take one call for ten of them', async (t) => {
  const names = Array.from({ length: 25 }, (_, n) => `/app/p-${n}`)
  const fake = await started(t, ...names)
  const provider = await parameterStore(t, fake.origin)
  t.equal(provider.batchSize, 10)
  const result = await provider.fetch(names, signal())
  for (const name of names) {
    t.equal(text(result.get(name)), `CANARY-${name}`)
    t.match(result.get(name), { version: '1' })
  }
  t.equal(fake.calls.length, 3)
})

t.test('versions, labels and ARNs get what they mean, also of one parameter in one call', async (t) => {
  const fake = await started(t, '/app/db', 'plain')
  fake.parameters.set('/app/db', { values: ['CANARY-1', 'CANARY-2', 'CANARY-3'], labels: { live: 2 } })
  fake.parameters.set('list', { values: ['CANARY-a,CANARY-b'], type: 'StringList' })
  const keys = [
    '/app/db',
    '/app/db:1',
    '/app/db:live',
    arn('/app/db'),
    `${arn('/app/db')}:1`,
    arn('/plain'),
    'list',
  ]
  const result = await (await parameterStore(t, fake.origin)).fetch(keys, signal())
  t.same(
    keys.map((key) => text(result.get(key))),
    ['CANARY-3', 'CANARY-1', 'CANARY-2', 'CANARY-3', 'CANARY-1', 'CANARY-plain', 'CANARY-a,CANARY-b'],
  )
  t.same(
    keys.slice(0, 3).map((key) => Reflect.get(result.get(key) ?? {}, 'version')),
    ['3', '1', '2'],
  )
})

t.test('what AWS calls invalid is missing; what it can never have is not asked for', async (t) => {
  const fake = await started(t, 'there')
  const keys = [
    'there',
    'gone',
    'there:7',
    'there:label',
    '',
    'a/b',
    'a:b:c',
    'ключ',
    '/a b',
    `${arn('/x')}:1:2`,
  ]
  const result = await (await parameterStore(t, fake.origin)).fetch(keys, signal())
  t.equal(text(result.get('there')), 'CANARY-there')
  for (const key of keys.slice(1)) t.match(result.get(key), { kind: 'missing' }, key)
  const asked = fake.calls.flatMap(({ input }) => input.Names as string[])
  t.same(asked.toSorted(), ['gone', 'there', 'there:7', 'there:label'])
})

t.test('one denied key takes no other down, and is asked for alone from then on', async (t) => {
  const fake = await started(t, 'a', 'b', 'secret')
  fake.refusals.set('GetParameters secret', new FakeError('AccessDeniedException'))
  const clock = new VirtualClock()
  const provider = await parameterStore(t, fake.origin, {}, { clock })
  const asked = async (): Promise<string[]> => {
    fake.calls.length = 0
    const result = await provider.fetch(['a', 'b', 'secret'], signal())
    t.equal(text(result.get('a')), 'CANARY-a')
    t.equal(text(result.get('b')), 'CANARY-b')
    leaksNothing(t, result)
    const words = /no right to "secret"\. Allow ssm:GetParameters/
    t.match(result.get('secret'), { kind: 'denied', message: words })
    return fake.calls.map(({ input }) => String(input.Names))
  }
  t.same(await asked(), ['a,b,secret', 'a', 'b', 'secret'])
  t.same(await asked(), ['a,b', 'secret'])
  await clock.advance(10 * 60_000)
  t.same(await asked(), ['a,b,secret', 'a', 'b', 'secret'])
  fake.refusals.clear()
  fake.calls.length = 0
  await provider.fetch(['a', 'b', 'secret'], signal())
  await provider.fetch(['a', 'b', 'secret'], signal())
  const names = fake.calls.map(({ input }) => String(input.Names))
  t.same(names, ['a,b', 'secret', 'a,b,secret'], 'what is allowed again comes with the others')
})

t.test('a KMS key that refuses is told as that', async (t) => {
  const fake = await started(t, 'a')
  const message = 'The ciphertext refers to a customer master key CANARY-key'
  fake.refusals.set('GetParameters a', new FakeError('AccessDeniedException', message))
  const result = await (await parameterStore(t, fake.origin)).fetch(['a'], signal())
  t.match(result.get('a'), { kind: 'denied', message: /"a" cannot be decrypted\. Allow kms:Decrypt/ })
  leaksNothing(t, result)
})

t.test('a key that the answer says nothing of is asked for alone, and then malformed', async (t) => {
  const fake = await started(t, 'a', 'b')
  fake.omitted.add('b')
  const result = await (await parameterStore(t, fake.origin)).fetch(['a', 'b'], signal())
  t.equal(text(result.get('a')), 'CANARY-a')
  t.match(result.get('b'), { kind: 'unavailable', reason: 'malformed', message: /says nothing of "b"/ })
})

t.test('with path, everything below it comes by its full name, over all pages', async (t) => {
  const names = Array.from({ length: 33 }, (_, n) => `/app/${n % 2 === 0 ? 'deep/' : ''}p-${n}`)
  const fake = await started(t, ...names, '/application/other', '/other')
  for (const path of ['/app', '/app/']) {
    fake.calls.length = 0
    const provider = await parameterStore(t, fake.origin, { path })
    const all = await fetchedAll(provider)
    t.same([...all.keys()].toSorted(), names.toSorted())
    for (const name of names) t.equal(text(all.get(name)), `CANARY-${name}`)
    t.equal(fake.calls.length, 4)
    t.same(fake.calls[0]?.input.Path, '/app')
  }
})

t.test('with path, one page that fails fails the whole', async (t) => {
  const names = Array.from({ length: 15 }, (_, n) => `/app/p-${n}`)
  const fake = await started(t, ...names)
  fake.refusals.set('GetParametersByPath /app/p-14', new FakeError('AccessDeniedException'))
  const provider = await parameterStore(t, fake.origin, { path: '/app' })
  await t.rejects(fetchedAll(provider), { kind: 'denied', message: /Allow ssm:GetParametersByPath/ })
  const few = await parameterStore(t, fake.origin, { path: '/app', maxSecrets: 9 })
  await t.rejects(fetchedAll(few), { reason: 'oversized', message: /more than 9 secrets/ })
})

t.test('without path, patterns list the names that begin as they do', async (t) => {
  const wanted = Array.from({ length: 120 }, (_, n) => `/app/p-${n}`)
  const fake = await started(t, ...wanted, '/other/x', 'db-1')
  const provider = await parameterStore(t, fake.origin)
  const names = await listed(provider, '/app/*', '/app/p-1*', 'db-*')
  t.same(names.toSorted(), [...wanted, 'db-1'].toSorted())
  t.equal(fake.calls.length, 4)
  fake.refusals.set('DescribeParameters', new FakeError('AccessDeniedException'))
  await t.rejects(listed(provider, '/app/*'), {
    kind: 'denied',
    message: /Allow ssm:DescribeParameters/,
  })
})

t.test('a value that is no text is an error of its key', async (t) => {
  const fake = await startFakeAws(t)
  const body = JSON.stringify({
    Parameters: [{ Name: 'a', Value: 'CANARY-\ud800', Version: 1 }, { Name: 'b' }],
  })
  fake.backend.handler = answer(200, body)
  const result = await (await parameterStore(t, fake.origin)).fetch(['a', 'b'], signal())
  for (const key of ['a', 'b']) t.match(result.get(key), { kind: 'unavailable', reason: 'malformed' })
  leaksNothing(t, result)
})

t.test('a parameter that AWS names among the invalid without its selector is missing', async (t) => {
  const fake = await startFakeAws(t)
  fake.backend.handler = answer(200, JSON.stringify({ Parameters: [], InvalidParameters: ['/app/db'] }))
  const result = await (await parameterStore(t, fake.origin)).fetch(['/app/db:9'], signal())
  t.match(result.get('/app/db:9'), { kind: 'missing' })
})
