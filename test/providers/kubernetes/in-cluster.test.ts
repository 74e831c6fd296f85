import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { createAuthority } from '../../support/certificates.ts'
import { everything, type FakeKubernetes, startKubernetes } from '../../support/fake-kubernetes.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { kubernetesProvider, type More, nowhere } from './support.ts'

const authority = createAuthority()

/** A pod's surroundings, with an API server that they lead to. */
async function pod(t: Test, files: Record<string, string> = {}) {
  const fake = await startKubernetes(t, { tls: authority.issue() })
  fake.store.put('app', 'db', { key: 'CANARY-value' })
  const serviceAccount = t.testdir({
    token: 'CANARY-token\n',
    'ca.crt': authority.ca,
    namespace: 'app',
    ...files,
  })
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(fake.port) }
  return { fake, serviceAccount, surroundings: { env, serviceAccount } }
}

/** What a fetch of `db/key` brings or fails with. */
async function fetched(t: Test, more: More) {
  const provider = kubernetesProvider(t, { watch: false, ...more })
  const result = await provider.fetch(['db/key'], signal())
  return result.get('db/key')
}

const failure = (t: Test, more: More) =>
  failureOf(fetched(t, more).then((entry) => new Map(entry === undefined ? [] : [['key', entry]])))

t.test('in a pod nothing is to be configured', async (t) => {
  const { surroundings } = await pod(t)
  t.equal(text(await fetched(t, { surroundings })), 'CANARY-value')
})

t.test('the token is read again for each request', async (t) => {
  const { fake, serviceAccount, surroundings } = await pod(t)
  const provider = kubernetesProvider(t, { surroundings, watch: false })
  const get = async () => (await provider.fetch(['db/key'], signal())).get('db/key')
  t.equal(text(await get()), 'CANARY-value')
  fake.grants = new Map([['CANARY-rotated', [everything]]])
  t.match(await get(), { kind: 'denied' })
  await writeFile(`${serviceAccount}/token`, 'CANARY-rotated')
  t.equal(text(await get()), 'CANARY-value')
})

t.test('options go before what the pod has', async (t) => {
  const { fake, surroundings } = await pod(t, { token: 'CANARY-pods', namespace: 'other' })
  const token = new StringSource('CANARY-token')
  t.equal(text(await fetched(t, { surroundings, token, namespace: 'app' })), 'CANARY-value')
  t.match(fake.seen.at(-1), { path: '/api/v1/namespaces/app/secrets/db' })
})

t.test("the pod's token goes to no other API server", async (t) => {
  const { surroundings } = await pod(t)
  const other = await startKubernetes(t, { grants: { 'CANARY-other': [everything] } })
  let authorization: string | undefined
  other.misbehaviour = () => (request, response) => {
    authorization = request.headers.authorization
    response.end()
  }
  await failure(t, { surroundings, url: other.url, token: undefined })
  t.equal(authorization, undefined)
})

t.test('what a pod should have and has not is told with the remedy', async (t) => {
  const { surroundings, serviceAccount } = await pod(t, { namespace: 'NO NAMESPACE' })
  const expected: [More, RegExp][] = [
    [{ surroundings: nowhere }, /KUBERNETES_SERVICE_HOST is not set: this is no pod/],
    [{ surroundings }, /namespace: file .* holds no name of a namespace\. Set namespace/],
    [
      { surroundings: { ...surroundings, serviceAccount: '/nonexistent' } },
      /namespace is not set, and file \/nonexistent\/namespace cannot be read/,
    ],
    [
      { surroundings: { ...surroundings, serviceAccount: '/nonexistent' }, namespace: 'app' },
      /token: file \/nonexistent\/token cannot be read \(ENOENT\)/,
    ],
    [
      { surroundings, namespace: 'app', token: new StringSource('CANARY with spaces') },
      /the token from the configuration holds a character/,
    ],
    [
      {
        surroundings: {
          env: { KUBERNETES_SERVICE_HOST: 'CANARY host', KUBERNETES_SERVICE_PORT: 'x' },
          serviceAccount,
        },
      },
      /make no address/,
    ],
    [
      { surroundings, namespace: 'app', ca: new StringSource('CANARY is no certificate', 'text') },
      /ca, from the configuration, is not usable/,
    ],
  ]
  for (const [more, message] of expected) {
    const error = await failure(t, more)
    t.match(error, { kind: 'unavailable', reason: 'credential', message })
    t.match(error.message, /provider "backend"/)
    leaksNothing(t, error)
  }
})

t.test('an address of IPv6 is one too', async (t) => {
  const { surroundings } = await pod(t)
  const env = { KUBERNETES_SERVICE_HOST: '::1', KUBERNETES_SERVICE_PORT: '1' }
  const error = await failure(t, { surroundings: { ...surroundings, env } })
  t.match(error, { reason: 'refused', message: /https:\/\/\[::1\]:1\/api.*KUBERNETES_SERVICE_HOST/ })
})

t.test('an API server may lie below a path', async (t) => {
  const fake: FakeKubernetes = await startKubernetes(t, { basePath: '/k8s/clusters/c1' })
  fake.store.put('app', 'db', { key: 'CANARY-value' })
  t.equal(text(await fetched(t, { url: `${fake.url}/` })), 'CANARY-value')
})
