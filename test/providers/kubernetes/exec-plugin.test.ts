import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ProviderContext } from '../../../src/secrets/provider.ts'
import { everything, type FakeKubernetes, startKubernetes } from '../../support/fake-kubernetes.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { type failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { kubernetesProvider } from './support.ts'

const apiVersion = 'client.authentication.k8s.io/v1'

interface Rig {
  readonly fake: FakeKubernetes
  readonly folder: string
  /** What the program does: the body of a shell script. It counts its runs in the file `runs`. */
  does(script: string): Promise<void>
  runs(): Promise<number>
  get(): ReturnType<typeof failureOf> | Promise<unknown>
  readonly provider: ReturnType<typeof kubernetesProvider>
}

async function rig(t: Test, exec: object = {}, around: Partial<ProviderContext> = {}): Promise<Rig> {
  const fake = await startKubernetes(t, { grants: { 'CANARY-made': [everything] } })
  fake.store.put('app', 'db', { key: 'CANARY-value' })
  const folder = t.testdir({})
  const user = { exec: { apiVersion, command: './make credentials', ...exec } }
  await writeFile(
    join(folder, 'config'),
    JSON.stringify({
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'app' } }],
      clusters: [{ name: 'c', cluster: { server: fake.url } }],
      users: [{ name: 'u', user }],
    }),
  )
  const surroundings = {
    env: { PATH: process.env.PATH ?? '', FROM: 'outside' },
    serviceAccount: '/nonexistent',
  }
  const kubeconfig = join(folder, 'config')
  const provider = kubernetesProvider(t, { kubeconfig, watch: false, surroundings }, around)
  return {
    fake,
    folder,
    provider,
    async does(script) {
      const file = join(folder, 'make credentials')
      await writeFile(file, `#!/bin/sh\necho run >> "${folder}/runs"\n${script}\n`)
      await chmod(file, 0o700)
    },
    runs: async () => (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').length - 1,
    get: async () => (await provider.fetch(['db/key'], signal())).get('db/key'),
  }
}

const credential = (status: object): string =>
  `cat <<'END'\n${JSON.stringify({ kind: 'ExecCredential', apiVersion, status })}\nEND`

t.test('a program makes the token, once for as long as it is good', async (t) => {
  const clock = new VirtualClock()
  const { does, get, runs } = await rig(t, {}, { clock })
  const expirationTimestamp = new Date(clock.wall() + 60_000).toISOString()
  await does(credential({ token: 'CANARY-made', expirationTimestamp }))
  t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(await runs(), 1)
  clock.suspend(51_000)
  t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(await runs(), 2, 'a new one before the old one is over')
})

t.test('a credential whose end is behind our clock is held for some seconds all the same', async (t) => {
  const clock = new VirtualClock()
  const { fake, does, get, runs } = await rig(t, {}, { clock })
  const expirationTimestamp = new Date(clock.wall() - 60_000).toISOString()
  await does(credential({ token: 'CANARY-made', expirationTimestamp }))
  for (let at = 0; at < 5; at++) t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(await runs(), 1)
  await clock.advance(5000)
  t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(await runs(), 2)
  fake.grants = new Map([['CANARY-second', [everything]]])
  await does(credential({ token: 'CANARY-second', expirationTimestamp }))
  t.equal(text((await get()) as never), 'CANARY-value', 'one that is refused is not held')
})

t.test('a credential that is refused is made anew at once, once', async (t) => {
  const { fake, does, get, runs } = await rig(t)
  await does(credential({ token: 'CANARY-made' }))
  t.equal(text((await get()) as never), 'CANARY-value')
  fake.grants = new Map([['CANARY-second', [everything]]])
  await does(credential({ token: 'CANARY-second' }))
  t.equal(text((await get()) as never), 'CANARY-value')
  t.equal(await runs(), 2)
  fake.grants = new Map()
  t.match(await get(), { kind: 'denied', message: /Check the program .*make credentials, of kubeconfig/ })
  t.equal(await runs(), 3)
})

t.test('who wants it meanwhile waits for the same run', async (t) => {
  const { provider, fake, does, runs } = await rig(t)
  await does(credential({ token: 'CANARY-made' }))
  const names = Array.from({ length: 8 }, (_, at) => `s${at}`)
  for (const name of names) fake.store.put('app', name, { key: 'CANARY-1' })
  const result = await provider.fetch(
    names.map((name) => `${name}/key`),
    signal(),
  )
  t.same(result.values().map(text).toArray(), Array(8).fill('CANARY-1'))
  t.equal(await runs(), 1)
})

t.test('many requests with one refused credential bring one new one', async (t) => {
  const { provider, fake, does, runs } = await rig(t)
  await does(credential({ token: 'CANARY-made' }))
  const names = Array.from({ length: 8 }, (_, at) => `s${at}`)
  for (const name of names) fake.store.put('app', name, { key: 'CANARY-1' })
  const all = () =>
    provider.fetch(
      names.map((name) => `${name}/key`),
      signal(),
    )
  await all()
  fake.grants = new Map([['CANARY-second', [everything]]])
  await does(credential({ token: 'CANARY-second' }))
  t.same((await all()).values().map(text).toArray(), Array(8).fill('CANARY-1'))
  t.equal(await runs(), 2)
})

t.test('it gets its arguments as they are, its variables, and what Kubernetes tells it', async (t) => {
  const args = ['$(touch pwned)', '; exit 1', 'a b']
  const env = [{ name: 'MINE', value: '$HOME' }]
  const { folder, does, get } = await rig(t, { args, env, provideClusterInfo: true })
  await does(
    `printf '%s|' "$@" "$MINE" "$FROM" "$KUBERNETES_EXEC_INFO" > told\n${credential({ token: 'CANARY-made' })}`,
  )
  t.equal(text((await get()) as never), 'CANARY-value')
  const told = (await readFile(join(folder, 'told'), 'utf8')).split('|')
  t.same(told.slice(0, 5), [...args, '$HOME', 'outside'])
  t.match(JSON.parse(told[5] ?? ''), {
    kind: 'ExecCredential',
    apiVersion,
    spec: { interactive: false, cluster: { server: /^http:\/\/127/ } },
  })
})

t.test('a program that goes wrong is told by what it did, and never by what it said', async (t) => {
  const { does, get } = await rig(t)
  const cases: [string, RegExp][] = [
    ['echo CANARY-secret >&2; exit 3', /make credentials failed \(3\)\. Run it by hand/],
    ['kill -9 $$', /failed \(SIGKILL\)/],
    ['echo CANARY-no-json', /not valid JSON/],
    ['echo \'{"kind":"ExecCredential","apiVersion":"CANARY"}\'', /no ExecCredential of client/],
    [credential({}), /neither a token nor a certificate/],
    [credential({ token: 'CANARY two\nlines' }), /holds a character that no token has/],
    [credential({ token: 'CANARY', expirationTimestamp: 'CANARY' }), /expirationTimestamp is no time/],
    ['while :; do echo CANARY-CANARY-CANARY-CANARY; done', /wrote more than 262144 bytes/],
  ]
  for (const [script, message] of cases) {
    await does(script)
    const error = await get()
    t.match(error, { kind: 'unavailable', reason: 'credential', message })
    leaksNothing(t, error)
  }
})

t.test('a program that is not there is told', async (t) => {
  const { get } = await rig(t, { command: 'no-such-program-anywhere' })
  t.match(await get(), { reason: 'credential', message: /cannot be started \(ENOENT\)/ })
})

t.test('a program that cannot even be tried is told like one that is not there', async (t) => {
  for (const [command, code] of [
    ['/etc/passwd/CANARY', 'ENOTDIR'],
    [`./${'CANARY-'.repeat(1000)}`, 'ENAMETOOLONG'],
  ] as const) {
    const { get } = await rig(t, { command, args: ['CANARY-argument'] })
    const error = await get()
    t.match(error, { kind: 'unavailable', reason: 'credential', message: `cannot be started (${code})` })
    t.notMatch(error, { message: /CANARY-argument/ })
  }
  const { get } = await rig(t, { args: ['x'.repeat(256 * 1024)] })
  t.match(await get(), { kind: 'unavailable', reason: 'credential', message: /cannot be started \(E/ })
})

t.test('a program that hangs is ended, and so is one whose provider closes', async (t) => {
  const clock = new VirtualClock()
  const { does, get, runs, provider } = await rig(t, {}, { clock })
  await does('exec sleep 600')
  const began = async (times: number): Promise<void> => {
    while ((await runs()) < times) await new Promise(setImmediate)
  }
  const hanging = get()
  await began(1)
  await clock.advance(30_000)
  t.match(await hanging, { reason: 'credential', message: /did not end within 30000 ms/ })

  const controller = new AbortController()
  const given = provider.fetch(['db/key'], controller.signal).catch((error: unknown) => error)
  await began(2)
  controller.abort()
  t.match(await given, { kind: 'unavailable', reason: 'aborted' })
  const closing = Promise.resolve(get()).catch((error: unknown) => error)
  await provider.close?.()
  t.match(await closing, { kind: 'unavailable', reason: 'aborted' })
})
