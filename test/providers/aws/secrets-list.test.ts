import t from 'tap'
import { answer } from '../../support/backend.ts'
import { startFakeAws } from '../../support/fake-aws.ts'
import { arnOf, FakeError } from '../../support/fake-aws-services.ts'
import { leaksNothing } from '../conformance.ts'
import { environment, listed, putSecret, secretsManager, staticKeys } from './support.ts'

environment(t, staticKeys)

t.test('patterns narrow the list to what they begin with, over all its pages', async (t) => {
  const fake = await startFakeAws(t)
  const wanted = Array.from({ length: 250 }, (_, n) => `app/secret-${n}`)
  for (const name of [...wanted, 'other/secret', 'db-1']) putSecret(fake, name, 'CANARY-1')
  const provider = await secretsManager(t, fake.origin)
  const names = await listed(provider, 'app/*', 'app/secret-1*', 'db-*')
  t.same(names.toSorted(), [...wanted, 'db-1'].toSorted())
  t.equal(fake.calls.length, 3)
  t.same(fake.calls[0]?.input, { MaxResults: 100, Filters: [{ Key: 'name', Values: ['app/', 'db-'] }] })
})

t.test('a pattern that anything fits asks for all', async (t) => {
  const fake = await startFakeAws(t)
  for (const name of ['a', 'b/c']) putSecret(fake, name, 'CANARY-1')
  const provider = await secretsManager(t, fake.origin)
  t.same(await listed(provider, '*', 'a*'), ['a', 'b/c'])
  t.same(fake.calls[0]?.input, { MaxResults: 100 })
})

t.test('the configured filters narrow the list too', async (t) => {
  const fake = await startFakeAws(t)
  putSecret(fake, 'app/a', 'CANARY-1')
  fake.secrets.set('app/b', { arn: arnOf('app/b'), versions: [], tags: { team: 'payments' } })
  const filters = [{ key: 'tag-key' as const, values: ['team'] }]
  const provider = await secretsManager(t, fake.origin, { filters })
  t.same(await listed(provider, 'app/*'), ['app/b'])
})

t.test('more prefixes than one filter may have are asked for in turn', async (t) => {
  const fake = await startFakeAws(t)
  const teams = Array.from({ length: 25 }, (_, n) => `team-${n}/`)
  for (const team of teams) putSecret(fake, `${team}a`, 'CANARY-1')
  const provider = await secretsManager(t, fake.origin)
  const names = await listed(provider, ...teams.map((team) => `${team}*`))
  t.equal(names.length, 25)
  t.equal(fake.calls.length, 3)
})

t.test('what no name can begin with is not asked for', async (t) => {
  const fake = await startFakeAws(t)
  const provider = await secretsManager(t, fake.origin)
  t.same(await listed(provider, 'arn:aws:secretsmanager:*', 'a?stage=*', 'ключ*'), [])
  t.same(fake.calls, [])
})

t.test('more secrets than there may be are an error, and so are pages without an end', async (t) => {
  const fake = await startFakeAws(t)
  for (let n = 0; n < 12; n++) putSecret(fake, `secret-${n}`, 'CANARY-1')
  const few = await secretsManager(t, fake.origin, { maxSecrets: 10 })
  await t.rejects(listed(few, '*'), {
    reason: 'oversized',
    message: /more than 10 secrets\. Narrow what is listed, or raise maxSecrets/,
  })
  let pages = 0
  fake.backend.handler = (request, response) =>
    answer(200, JSON.stringify({ SecretList: [], NextToken: `CANARY-${pages++}` }))(request, response)
  await t.rejects(listed(few, '*'), { reason: 'malformed', message: /do not end/ })
  t.equal(pages, 110)
  fake.backend.handler = answer(200, JSON.stringify({ SecretList: [], NextToken: 'same' }))
  await t.rejects(listed(few, '*'), { reason: 'malformed', message: /do not end/ })
})

t.test('a list that is denied names the action', async (t) => {
  const fake = await startFakeAws(t)
  fake.refusals.set('ListSecrets', new FakeError('AccessDeniedException'))
  const provider = await secretsManager(t, fake.origin)
  const error: unknown = await listed(provider, '*').catch((reason: unknown) => reason)
  t.match(error, { kind: 'denied', message: /Allow secretsmanager:ListSecrets/ })
  leaksNothing(t, error)
})
