import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { answer } from '../../support/backend.ts'
import {
  type FakeKubernetes,
  type Grant,
  sendStatus,
  startKubernetes,
} from '../../support/fake-kubernetes.ts'
import { failureOf, leaksNothing, signal } from '../conformance.ts'
import { kubernetesProvider, type More } from './support.ts'

async function refused(t: Test, fake: FakeKubernetes, more: More = {}, key = 'db/key') {
  const provider = kubernetesProvider(t, { url: fake.url, watch: false, ...more })
  // As `failureOf` has it: the failure of the one key `key`.
  const error = await failureOf(
    provider.fetchAll === undefined
      ? provider
          .fetch([key], signal())
          .then((result) => new Map([...result].map(([, entry]) => ['key', entry])))
      : provider.fetchAll(signal()),
  )
  leaksNothing(t, error)
  return error
}

const granted = (t: Test, ...grants: Grant[]) => startKubernetes(t, { grants: { 'CANARY-token': grants } })

t.test('what is not permitted is told with the rule that permits it', async (t) => {
  const fake = await granted(t, { namespace: 'app', verbs: ['get'], resourceNames: ['other'] })
  t.match(await refused(t, fake), {
    kind: 'denied',
    reason: 'denied',
    message:
      /may not get the Secret "db" in the namespace "app".*verbs: \["get"\], resourceNames: \["db"\].*status 403/,
  })
  t.match(await refused(t, fake, { selector: 'app=shop' }), {
    kind: 'denied',
    message: /may not list Secrets in the namespace "app".*verbs: \["list"\] \}/,
  })
})

t.test('names alone do not permit a list', async (t) => {
  const fake = await granted(t, { namespace: 'app', verbs: ['list'], resourceNames: ['db'] })
  t.match(await refused(t, fake, { selector: 'app=shop' }), { kind: 'denied', reason: 'denied' })
})

t.test('one Secret that may not be read takes no other one down', async (t) => {
  const fake = await granted(t, { namespace: 'app', verbs: ['get'], resourceNames: ['db'] })
  fake.store.put('app', 'db', { key: 'CANARY-value' })
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const result = await provider.fetch(['db/key', 'secret/key'], signal())
  t.match(result.get('secret/key'), { kind: 'denied' })
  t.ok(result.get('db/key') !== undefined && 'value' in (result.get('db/key') ?? {}))
})

t.test('a token that is not accepted is told with the place that it is from', async (t) => {
  const fake = await startKubernetes(t)
  const directory = t.testdir({ token: 'CANARY-expired\n' })
  const token = new StringSource({ file: `${directory}/token` })
  t.match(await refused(t, fake, { token }), {
    kind: 'denied',
    reason: 'denied',
    message: /may have expired, be for another audience.*Check token, from file .*token \(status 401\)/,
  })
})

t.test('where no credential is sent, that is what is told', async (t) => {
  const fake = await startKubernetes(t)
  fake.misbehaviour = () => (_request, response) => sendStatus(response, 401, 'Unauthorized')
  t.match(await refused(t, fake, { token: undefined }), { kind: 'denied', message: /no credential was sent/ })
  fake.misbehaviour = undefined
  t.match(await refused(t, fake, { token: undefined }), {
    kind: 'denied',
    message: /may not get the Secret "db".*No credential was sent: set token, or bind it/,
  })
})

t.test('a Secret that is not there is missing, with the namespace that was looked in', async (t) => {
  const fake = await startKubernetes(t)
  fake.store.put('other', 'db', { key: 'CANARY-elsewhere' })
  t.match(await refused(t, fake), {
    kind: 'missing',
    reason: 'not-found',
    message: /no Secret "db" in the namespace "app". Is that its namespace\?/,
  })
})

t.test('the 404 of another server is no word of a deleted Secret', async (t) => {
  const fake = await startKubernetes(t)
  for (const body of [
    '<html>CANARY-not found</html>',
    '{}',
    '{"kind":"Status","reason":"NotFound","details":{"kind":"services"}}',
    '{"kind":"Status","reason":"NotFound"}',
  ]) {
    fake.misbehaviour = () => answer(404, body)
    t.match(await refused(t, fake), {
      kind: 'unavailable',
      reason: 'status',
      message: /no Kubernetes API at this address/,
    })
  }
  t.match(await refused(t, fake, { selector: 'app=shop' }), { kind: 'unavailable', reason: 'status' })
})

t.test('a throttled API server is left alone for as long as it says', async (t) => {
  const fake = await startKubernetes(t)
  fake.misbehaviour = () => answer(429, 'CANARY', { 'retry-after': '3' })
  t.match(await refused(t, fake), { kind: 'throttled', retryAfterMs: 3000 })
})

t.test('a redirect is not followed, and other answers are failures', async (t) => {
  const fake = await startKubernetes(t)
  fake.misbehaviour = () => answer(302, '', { location: 'https://CANARY.test/' })
  t.match(await refused(t, fake), { kind: 'unavailable', reason: 'redirect' })
  for (const status of [201, 204, 206, 400, 405, 406, 410, 418, 422, 500, 502, 503, 504]) {
    fake.misbehaviour = () => answer(status, status === 204 ? '' : '{"CANARY":1}')
    t.match(await refused(t, fake), { kind: 'unavailable', reason: 'status' }, `status ${status}`)
  }
  t.equal(fake.asked.length, 14, 'none was asked twice')
})
