import t from 'tap'
import { startFakeVault } from '../../support/fake-vault.ts'
import { envelope } from '../../support/fake-vault-answer.ts'
import { leaksNothing, signal } from '../conformance.ts'
import { failure, source, vaultProvider, withToken } from './support.ts'

t.test('keys are found below the prefix, in folders too, of both versions', async (t) => {
  const vault = await startFakeVault(t)
  const paths = ['app/a', 'app/deep/er/b', 'app/deep/c', 'apple', 'other/d', 'app']
  for (const [mount, version] of [
    ['kv/', 2],
    ['old/', 1],
  ] as const) {
    const kv = vault.mountKv(mount, version)
    for (const path of paths) kv.put(path, { v: 'CANARY' })
    const provider = withToken(t, vault)
    const list = async (...patterns: string[]): Promise<string[]> =>
      [...((await provider.listKeys?.(patterns, signal())) ?? [])].sort()
    t.strictSame(
      await list(`${mount}app/*`),
      ['app/a', 'app/deep/c', 'app/deep/er/b'].map((path) => mount + path),
    )
    t.strictSame(await list(`${mount}*`), paths.map((path) => mount + path).sort())
    t.strictSame(
      await list(`${mount}ap*`),
      ['app', 'app/a', 'app/deep/c', 'app/deep/er/b', 'apple'].map((path) => mount + path),
    )
    t.strictSame(await list(`${mount}app/*`, `${mount}app/deep/*`, `${mount}none/*`), [
      `${mount}app/a`,
      `${mount}app/deep/c`,
      `${mount}app/deep/er/b`,
    ])
  }
})

t.test('only what leads to the prefix is looked into', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2)
  for (const path of ['web/a/1', 'web/b/1', 'worker/a/1']) kv.put(path, { v: 'CANARY' })
  await withToken(t, vault).listKeys?.(['kv/web/a*'], signal())
  t.strictSame(
    vault.asked.filter((line) => line.startsWith('LIST')),
    ['LIST kv/metadata/web/', 'LIST kv/metadata/web/a/'],
  )
})

t.test('a pattern without a mount is looked for in all KV engines', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('a', { v: 'CANARY' })
  vault.mountKv('kv-old/', 1).put('b', { v: 'CANARY' })
  vault.mountKv('team/kv/', 2).put('c', { v: 'CANARY' })
  vault.engines.set('database/', () => envelope({ data: {} }))
  const provider = withToken(t, vault)
  t.strictSame([...((await provider.listKeys?.(['*'], signal())) ?? [])].sort(), [
    'kv-old/b',
    'kv/a',
    'team/kv/c',
  ])
  t.strictSame([...((await provider.listKeys?.(['kv*'], signal())) ?? [])].sort(), ['kv-old/b', 'kv/a'])
  t.strictSame(await provider.listKeys?.(['team/*'], signal()), ['team/kv/c'])
  t.strictSame(await provider.listKeys?.(['database/*'], signal()), [])
})

t.test('with a configured version the pattern has to name the mount', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('a', { v: 'CANARY' })
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const provider = withToken(t, vault, { kvVersion: 2 }, { warn })
  for (let n = 0; n < 2; n++) t.strictSame(await provider.listKeys?.(['kv*', 'kv/*'], signal()), ['kv/a'])
  t.match(warnings, [/"kv\*" names no mount/])
  t.equal(vault.count(/mounts/), 0)
})

t.test('a list that is denied names the right that is missing', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app/a', { v: 'CANARY' })
  const token = vault.token({ policy: { 'kv/data/*': ['read'] } })
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } })
  const error = await failure(provider.listKeys?.(['kv/app/*'], signal()) ?? Promise.resolve())
  t.match(error, { kind: 'denied' })
  t.ok(error.message.includes('path "kv/metadata/app/*" { capabilities = ["list"] }'), error.message)
  leaksNothing(t, error)
})

t.test('a list is bounded, in secrets and in folders', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2)
  for (let n = 0; n < 11; n++) kv.put(`app/${n}`, { v: 'CANARY' })
  const provider = withToken(t, vault, { maxSecrets: 10 })
  const failing = async (): Promise<unknown> =>
    await failure(provider.listKeys?.(['kv/*'], signal()) ?? Promise.resolve())
  t.match(await failing(), {
    kind: 'unavailable',
    reason: 'oversized',
    message: /more than 10 secrets below "kv\/"/,
  })
  vault.intercept = ({ method }) =>
    method === 'LIST' ? envelope({ data: { keys: ['a/', 'b/'] } }) : undefined
  t.match(await failing(), { kind: 'unavailable', reason: 'oversized' })
  t.ok(vault.asked.length < 100)
})

t.test('names that cannot be keys are left out, and told of once', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2)
  for (const path of ['good', 'a?version=1', 'b%2f', 'c..d', 'e#f']) kv.put(path, { v: 'CANARY' })
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const provider = withToken(t, vault, {}, { warn })
  for (let n = 0; n < 2; n++) t.strictSame(await provider.listKeys?.(['kv/*'], signal()), ['kv/good'])
  t.match(warnings, [/^4 names of the server cannot be keys here/])
})

t.test('what is not to be read is not listed', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault)
  t.strictSame(await provider.listKeys?.(['auth/*', 'sys/*', 'a/../*', 'a//*'], signal()), [])
  t.strictSame(vault.asked, [])
})

t.test('a list that fails fails as a whole, and can be given up', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('a/b', { v: 'CANARY' })
  const provider = withToken(t, vault)
  vault.intercept = ({ path }) =>
    path.endsWith('metadata/a/') ? { status: 500, body: { errors: [] } } : undefined
  t.match(await failure(provider.listKeys?.(['kv/*'], signal()) ?? Promise.resolve()), {
    kind: 'unavailable',
  })
  vault.intercept = ({ method }) => (method === 'LIST' ? envelope({ data: { keys: 'CANARY' } }) : undefined)
  t.match(await failure(provider.listKeys?.(['kv/*'], signal()) ?? Promise.resolve()), {
    reason: 'malformed',
  })
  const asked = Promise.withResolvers<void>()
  vault.intercept = () => {
    asked.resolve()
    return 'hang'
  }
  const given = new AbortController()
  const listing = failure(provider.listKeys?.(['kv/*'], given.signal) ?? Promise.resolve())
  await asked.promise
  given.abort()
  t.match(await listing, { reason: 'aborted' })
})
