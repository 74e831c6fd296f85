import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from '../../support/certificates.ts'
import { everything, type FakeKubernetes, startKubernetes } from '../../support/fake-kubernetes.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { kubernetesProvider, type More } from './support.ts'

const authority = createAuthority()
const base64 = (words: string): string => Buffer.from(words).toString('base64')

interface Parts {
  readonly cluster?: object
  readonly user?: object
  readonly context?: object
  readonly file?: object
}

/** A kubeconfig, in JSON, which is YAML too. */
function kubeconfig(fake: FakeKubernetes, { cluster, user, context, file }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'app', ...context } }],
    clusters: [
      {
        name: 'c',
        cluster: { server: fake.url, 'certificate-authority-data': base64(authority.ca), ...cluster },
      },
    ],
    users: [{ name: 'u', user: user ?? { token: 'CANARY-token' } }],
    ...file,
  })
}

async function cluster(t: Test): Promise<{ fake: FakeKubernetes; folder: string; path: string }> {
  const fake = await startKubernetes(t, { tls: authority.issue() })
  fake.store.put('app', 'db', { key: 'CANARY-value' })
  const folder = t.testdir({})
  return { fake, folder, path: join(folder, 'config') }
}

const provide = (t: Test, path: string, more: More = {}) =>
  kubernetesProvider(t, { kubeconfig: path, watch: false, ...more })

async function fetched(t: Test, path: string, more: More = {}) {
  return (await provide(t, path, more).fetch(['db/key'], signal())).get('db/key')
}

const failure = (t: Test, path: string, more: More = {}) =>
  failureOf(fetched(t, path, more).then((entry) => new Map(entry === undefined ? [] : [['key', entry]])))

t.test('a context names the API server, the credential and the namespace', async (t) => {
  const { fake, path } = await cluster(t)
  await writeFile(path, kubeconfig(fake))
  t.equal(text(await fetched(t, path)), 'CANARY-value')
  t.match(fake.seen[0], { path: '/api/v1/namespaces/app/secrets/db' })
})

t.test('another context may be chosen, and another namespace', async (t) => {
  const { fake, path } = await cluster(t)
  const contexts = [
    { name: 'here', context: { cluster: 'none', user: 'none' } },
    { name: 'there', context: { cluster: 'c', user: 'u' } },
  ]
  await writeFile(path, kubeconfig(fake, { file: { contexts } }))
  const there = { contextName: 'there' }
  t.equal(text(await fetched(t, path, { context: there.contextName, namespace: 'app' })), 'CANARY-value')
  t.match(await fetched(t, path, { context: 'there' }), {
    kind: 'denied',
    message: /in the namespace "default"/,
  })
  t.match(await failure(t, path), { reason: 'credential', message: /its clusters have no "none"/ })
  t.match(await failure(t, path, { context: 'nowhere' }), { message: /its contexts have no "nowhere"/ })
})

t.test('files that it names lie beside it, and are read again', async (t) => {
  const { fake, folder, path } = await cluster(t)
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  await writeFile(join(folder, 'token'), 'CANARY-token\n')
  const { url } = fake
  const clusters = [{ name: 'c', cluster: { server: url, 'certificate-authority': 'ca.pem' } }]
  await writeFile(
    path,
    kubeconfig(fake, { user: { tokenFile: 'token', token: 'CANARY-old' }, file: { clusters } }),
  )
  const provider = provide(t, path)
  const get = async () => (await provider.fetch(['db/key'], signal())).get('db/key')
  t.equal(text(await get()), 'CANARY-value')
  fake.grants = new Map([['CANARY-rotated', [everything]]])
  await writeFile(join(folder, 'token'), 'CANARY-rotated\n')
  t.equal(text(await get()), 'CANARY-value')
})

t.test('a file that is replaced is taken over, with another API server too', async (t) => {
  const { fake, path } = await cluster(t)
  const second = await cluster(t)
  second.fake.store.put('app', 'db', { key: 'CANARY-second' })
  await writeFile(path, kubeconfig(fake))
  const provider = provide(t, path)
  const get = async () => (await provider.fetch(['db/key'], signal())).get('db/key')
  t.equal(text(await get()), 'CANARY-value')
  await writeFile(path, kubeconfig(second.fake))
  t.equal(text(await get()), 'CANARY-second')
  await writeFile(path, 'CANARY: [broken')
  const error = await get()
  t.match(error, { kind: 'unavailable', reason: 'credential', message: /not valid YAML: line 1/ })
  leaksNothing(t, error)
})

t.test('client certificates are shown', async (t) => {
  const { fake, path } = await cluster(t)
  const { cert, key } = authority.issue({ names: ['client'] })
  const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) }
  await writeFile(path, kubeconfig(fake, { user }))
  // The fake knows accounts by token alone: it is enough that the connection is made with them.
  t.match(await fetched(t, path), { kind: 'denied', message: /may not get the Secret "db"/ })
  const another = authority.issue({ names: ['another'] })
  const broken = { ...user, 'client-key-data': base64(another.key) }
  await writeFile(path, kubeconfig(fake, { user: broken }))
  const error = await failure(t, path)
  t.match(error, {
    reason: 'credential',
    message: /key, from kubeconfig .*does not belong to the certificate/,
  })
})

t.test('what is not supported is refused, with the remedy', async (t) => {
  const { fake, path } = await cluster(t)
  const expected: [Parts, RegExp][] = [
    [
      { cluster: { 'insecure-skip-tls-verify': true } },
      /insecure-skip-tls-verify.*certificate-authority-data/,
    ],
    [{ cluster: { 'tls-server-name': 'CANARY-name' } }, /tls-server-name\. Use a host/],
    [{ cluster: { 'proxy-url': 'http://CANARY-proxy' } }, /proxy-url/],
    [{ cluster: { server: 'ftp://CANARY' } }, /no server that is/],
    [{ cluster: { server: 'https://user:CANARY-password@host' } }, /no server that is/],
    [{ cluster: { server: 'http://10.0.0.1:8080' } }, /http:\/\/ server that is not loopback.*Use https/],
    [{ cluster: { server: 'http://127.0.0.1.CANARY.test' } }, /http:\/\/ server that is not loopback/],
    [{ cluster: { server: 'http://[::2]:1' } }, /http:\/\/ server that is not loopback/],
    [{ cluster: { 'certificate-authority-data': 'CANARY' } }, /certificate-authority-data is no PEM/],
    [{ user: { 'auth-provider': { name: 'CANARY' } } }, /auth-provider.*exec plugin/],
    [{ user: { username: 'CANARY', password: 'CANARY-p' } }, /a user name and a password/],
    [{ user: { token: 'CANARY-token', as: 'CANARY' } }, /impersonation/],
    [{ user: { token: 7 } }, /token is no text/],
    [{ user: { 'client-certificate-data': base64(authority.ca) } }, /certificate without its key/],
    [
      { user: { exec: { command: 'CANARY', apiVersion: 'client.authentication.k8s.io/v1alpha1' } } },
      /apiVersion/,
    ],
    [
      {
        user: {
          exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Always' },
        },
      },
      /asks for a terminal/,
    ],
    [{ context: { namespace: 'CANARY' } }, /namespace that none can have/],
    [{ file: { 'current-context': '' } }, /no current-context. Set context/],
    [{ file: { contexts: 'CANARY' } }, /its contexts have no "here"/],
    [{ file: { contexts: [null, { name: 'here', context: [] }] } }, /its contexts have no "here"/],
  ]
  for (const [parts, message] of expected) {
    await writeFile(path, kubeconfig(fake, parts))
    const error = await failure(t, path)
    t.match(error, { kind: 'unavailable', reason: 'credential', message })
    leaksNothing(t, error)
  }
  for (const [content, message] of [
    ['', /no kubeconfig|is empty/],
    ['CANARY', /no kubeconfig/],
    ['a: &a [*a]\nb: *c', /not valid YAML|aliases/],
    ['a: 1\na: CANARY', /not valid YAML/],
  ] as const) {
    await writeFile(path, content)
    const error = await failure(t, path)
    t.match(error, { kind: 'unavailable', reason: 'credential', message })
    leaksNothing(t, error)
  }
  t.match(await failure(t, '/nonexistent/config'), {
    reason: 'credential',
    message: /kubeconfig: file \/nonexistent\/config cannot be read \(ENOENT\)/,
  })
})

t.test('loopback may be asked in clear text', async (t) => {
  const { fake, path } = await cluster(t)
  for (const host of ['127.0.0.1:1', '127.1:1', 'localhost:1', 'LOCALHOST:1', '[::1]:1', '[0:0::1]:1']) {
    await writeFile(path, kubeconfig(fake, { cluster: { server: `http://${host}` } }))
    const error = await failure(t, path)
    t.equal(error.reason, 'refused', host)
  }
})
