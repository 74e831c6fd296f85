import t from 'tap'
import { Authorized } from '../../../src/providers/vault/authorized.ts'
import { VaultClient } from '../../../src/providers/vault/client.ts'
import { Mounts } from '../../../src/providers/vault/mounts.ts'
import { systemClock } from '../../../src/secrets/clock.ts'
import { startFakeVault } from '../../support/fake-vault.ts'
import { envelope } from '../../support/fake-vault-answer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { context, leaksNothing, signal, text } from '../conformance.ts'
import {
  configOf,
  everything,
  failure,
  failureAt,
  one,
  source,
  value,
  vaultProvider,
  withToken,
} from './support.ts'

t.test('a secret of KV version 2 is the map of its data, with its version', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { user: 'CANARY-old' }).put('app', { user: 'CANARY-new', port: 1 })
  const provider = withToken(t, vault)
  const fetched = await value(provider, 'kv/app')
  t.equal(text(fetched), '{"user":"CANARY-new","port":1}')
  t.match(fetched.version, /^2-[0-9a-f]{8}$/, 'its number, and a mark of when it was made')
  t.notOk('lease' in fetched || 'ttlMs' in fetched)
  leaksNothing(t, fetched)
})

t.test('numbers keep their spelling, and a field named like a part of objects is a field', async (t) => {
  const vault = await startFakeVault(t)
  const data = JSON.parse('{"__proto__":"CANARY-proto"}')
  const numbers = { id: JSON.rawJSON('12345678901234567890'), price: JSON.rawJSON('1.50') }
  vault.mountKv('kv/', 2).put('app', Object.assign(data, numbers))
  vault.mountKv('old/', 1).put('app', numbers)
  const provider = withToken(t, vault)
  t.equal(
    text(await one(provider, 'kv/app')),
    '{"__proto__":"CANARY-proto","id":12345678901234567890,"price":1.50}',
  )
  t.equal(text(await one(provider, 'old/app')), '{"id":12345678901234567890,"price":1.50}')
})

t.test('the version of the engine is asked for once a mount, however deep', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('team/kv/', 2).put('a', { v: 'CANARY-a' }).put('deep/b', { v: 'CANARY-b' })
  vault.mountKv('old/', 1).put('a', { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  for (const key of ['team/kv/a', 'team/kv/deep/b', 'old/a', 'team/kv/a']) await value(provider, key)
  t.strictSame(
    vault.asked.filter((line) => line.includes('mounts/')),
    ['GET sys/internal/ui/mounts/team/kv/a', 'GET sys/internal/ui/mounts/old/a'],
  )
})

t.test('a probe that fails is no answer, and is made again', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-value' })
  const provider = withToken(t, vault)
  vault.intercept = ({ path }) =>
    path.includes('mounts/') ? { status: 500, body: { errors: [] } } : undefined
  t.match(await one(provider, 'kv/app'), { kind: 'unavailable', reason: 'status' })
  vault.intercept = () => undefined
  t.match((await value(provider, 'kv/app')).version, /^1-/)
  t.equal(vault.count(/^GET kv\//), 1, 'nothing was read on a guess')
})

t.test('a configured version is not asked for', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-value' })
  await value(withToken(t, vault, { kvVersion: 2 }), 'kv/app')
  t.equal(vault.count(/mounts/), 0)
})

t.test('a pinned version is read, and stays what it is', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' }).put('app', { v: 'CANARY-2' })
  vault.mountKv('old/', 1).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  const fetched = await value(provider, 'kv/app?version=1')
  t.equal(text(fetched), '{"v":"CANARY-1"}')
  t.match(fetched.version, /^1-/)
  t.equal(vault.asked.at(-1), 'GET kv/data/app?version=1')
  t.match(await one(provider, 'kv/app?version=3'), { kind: 'missing' })
  t.match(await one(provider, 'old/app?version=1'), {
    kind: 'missing',
    message: /only a KV engine of version 2/,
  })
})

t.test('what was deleted or destroyed is missing, and said to be', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2).put('deleted', { v: 'CANARY-1' }).put('destroyed', { v: 'CANARY-1' })
  kv.delete('deleted', 1)
  kv.destroy('destroyed', 1)
  const provider = withToken(t, vault)
  t.match(await one(provider, 'kv/deleted'), { kind: 'missing', message: /version 1 was deleted/ })
  t.match(await one(provider, 'kv/deleted?version=1'), { kind: 'missing', message: /version 1 was deleted/ })
  t.match(await one(provider, 'kv/destroyed'), { kind: 'missing', message: /version 1 was destroyed/ })
  t.match(await one(provider, 'kv/never'), { kind: 'missing', message: /"kv\/never" is not there/ })
  t.match(await one(provider, 'kv/data/app'), { kind: 'missing', message: /A key has no data\/.*"kv\/app"/ })
  t.match(await one(provider, 'kv'), { kind: 'missing', message: /neither the name of one of requests/ })
})

t.test('a 404 that is not of Vault deletes nothing', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  await value(provider, 'kv/app')
  const old = withToken(t, vault, { kvVersion: 1 })
  const named = withToken(t, vault, { requests: { app: { path: 'kv/data/app', method: 'GET' } } })
  for (const body of [
    '<html>CANARY-not found</html>',
    '',
    '[]',
    '{"message":"CANARY-no route"}',
    '{"errors":[{"status":"404","title":"CANARY-no route"}]}',
    '{"errors":[null]}',
    '{"errors":["CANARY-no handler for route"]}',
    '{"errors":null,"data":{}}',
    '{"status":404,"data":null}',
    '{"data":{"metadata":{"version":1}}}',
    '{"data":{"data":null}}',
    '{"data":{"data":null,"metadata":[]}}',
    '{"data":{"data":{},"metadata":{"version":1}}}',
  ]) {
    vault.intercept = () => ({ status: 404, body })
    t.match(await one(provider, 'kv/app'), { kind: 'unavailable', reason: 'status' }, body)
    t.match(await one(old, 'kv/app'), { kind: 'unavailable', reason: 'status' }, `version 1: ${body}`)
    t.match(await one(named, 'app'), { kind: 'unavailable', reason: 'status' }, `a request: ${body}`)
    t.match(await failure(provider.listKeys?.(['kv/*'], signal()) ?? Promise.resolve()), {
      kind: 'unavailable',
    })
  }
})

t.test('what is held is confirmed by its metadata, without reading it', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  const { version: held } = await value(provider, 'kv/app')
  t.equal((await value(provider, 'kv/app?version=1')).version, held)
  t.strictSame(await one(provider, 'kv/app', held), { unchanged: true })
  t.strictSame(await one(provider, 'kv/app?version=1', held), { unchanged: true })
  t.equal(vault.count(/kv\/data/), 2)

  kv.put('app', { v: 'CANARY-2' })
  t.match(await one(provider, 'kv/app', held), { version: /^2-/ })
  t.strictSame(
    await one(provider, 'kv/app?version=1', held),
    { unchanged: true },
    'the pinned one is the same',
  )
  t.match(await one(provider, 'kv/app', 'of another provider'), { version: /^2-/ })
})

t.test(
  'a secret that was removed and written anew is another one, although its number is 1 again',
  async (t) => {
    const vault = await startFakeVault(t)
    const kv = vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
    const provider = withToken(t, vault)
    const { version: held } = await value(provider, 'kv/app')
    kv.remove('app')
    kv.put('app', { v: 'CANARY-another' })
    // However often it was read meanwhile, by whomever: what counts is what is held.
    for (const at of [1, 2]) {
      const fetched = await one(provider, 'kv/app', held)
      t.equal(text(fetched), '{"v":"CANARY-another"}', `fetch ${at}`)
      t.not((fetched as { version?: string }).version, held)
    }
  },
)

t.test(
  'a version that is held and was deleted is missing, although it is the current one still',
  async (t) => {
    const vault = await startFakeVault(t)
    const kv = vault.mountKv('kv/', 2).put('a', { v: 'CANARY-1' }).put('b', { v: 'CANARY-1' })
    const provider = withToken(t, vault)
    for (const key of ['kv/a', 'kv/b']) await value(provider, key)
    kv.delete('a', 1)
    kv.destroy('b', 1)
    t.match(await one(provider, 'kv/a', '1'), { kind: 'missing' })
    t.match(await one(provider, 'kv/b', '1'), { kind: 'missing' })
    t.equal(vault.count(/kv\/metadata/), 2)
    kv.remove('a')
    t.match(await one(provider, 'kv/a', '1'), { kind: 'missing' })
  },
)

t.test(
  'where metadata is denied, the value is read, and the metadata left alone for ten minutes',
  async (t) => {
    const clock = new VirtualClock()
    const vault = await startFakeVault(t, { clock })
    vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
    const token = vault.token({ ttl: 0, policy: { 'kv/data/*': ['read'] } })
    const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock })
    await value(provider, 'kv/app')
    for (let n = 0; n < 3; n++) t.match(await one(provider, 'kv/app', '1'), { version: '1' })
    t.equal(vault.count(/kv\/metadata/), 1)
    t.equal(vault.count(/kv\/data/), 4)
    await clock.advance(10 * 60_000)
    await one(provider, 'kv/app', '1')
    t.equal(vault.count(/kv\/metadata/), 2)
  },
)

t.test('a failing server is not asked twice, for the metadata and then for the value', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault, { kvVersion: 2 })
  await value(provider, 'kv/app')
  for (const [status, kind] of [
    [429, 'throttled'],
    [503, 'unavailable'],
  ] as const) {
    vault.intercept = ({ path }) => (path.startsWith('kv/') ? { status, body: { errors: [] } } : undefined)
    t.match(await one(provider, 'kv/app', '1'), { kind })
  }
  t.equal(vault.count(/kv\/data/), 1)
  t.equal(vault.count(/kv\/metadata/), 2)
})

t.test('what KV version 1 calls a lease is advice', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('old/', 1).put('app', { v: 'CANARY-1' })
  kv.advised = 300
  const fetched = await value(withToken(t, vault), 'old/app')
  t.equal(fetched.ttlMs, 300_000)
  t.notOk('lease' in fetched)
  t.notOk('version' in fetched, 'it has no versions, so the content tells')
})

t.test('an engine that was upgraded has not lost its secrets', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  const kv = vault.mountKv('kv/', 1).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault, {}, { clock })
  t.notOk('version' in (await value(provider, 'kv/app')))
  kv.version = 2
  await clock.advance(5 * 60_000)
  t.match((await value(provider, 'kv/app')).version, /^1-/)
  t.match(await one(provider, 'kv/other'), { kind: 'missing' })
})

t.test('an engine that is upgraded just after it was read has not lost its secrets', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 1).put('a', { v: 'CANARY-a' }).put('b', { v: 'CANARY-b' })
  const provider = withToken(t, vault)
  for (const key of ['kv/a', 'kv/b']) await value(provider, key)
  kv.version = 2
  const found = await Promise.all([value(provider, 'kv/a'), value(provider, 'kv/b')])
  t.strictSame(found.map(text), ['{"v":"CANARY-a"}', '{"v":"CANARY-b"}'])
  kv.version = 1
  t.equal(text(await value(provider, 'kv/a')), '{"v":"CANARY-a"}', 'and back')
})

t.test('an engine that says it has versions is none of version 1, and nothing is gone', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  t.match(await one(withToken(t, vault, { kvVersion: 1 }), 'kv/app'), {
    kind: 'unavailable',
    reason: 'malformed',
    message: /is of version 2\. Check kvVersion/,
  })
  // As Vault itself writes it, before the version that is found out and read by is the other one.
  const provider = withToken(t, vault)
  vault.intercept = ({ path }) =>
    path.includes('mounts/') ? envelope({ data: { path: 'kv/', type: 'kv', options: null } }) : undefined
  t.match(await one(provider, 'kv/app'), { kind: 'unavailable', reason: 'malformed' })
  vault.intercept = () => undefined
  t.equal(text(await value(provider, 'kv/app')), '{"v":"CANARY-1"}')
})

t.test('keys that are asked for at the same time share what is found out of their mount', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('team/kv/', 2)
  vault.mountKv('team/old/', 1).put('a', { v: 'CANARY-old' })
  const keys = Array.from({ length: 8 }, (_, n) => `team/kv/a${n}`)
  for (const key of keys) kv.put(key.slice('team/kv/'.length), { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  await Promise.all([...keys, 'team/old/a'].map((key) => value(provider, key)))
  t.equal(vault.count(/mounts/), 2)
})

t.test('a probe that many wait for fails once for all, and not with the one who gives up', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('a', { v: 'CANARY-1' }).put('b', { v: 'CANARY-1' })
  const provider = withToken(t, vault)
  vault.intercept = ({ path }) =>
    path.includes('mounts/') ? { status: 500, body: { errors: [] } } : undefined
  const failures = await Promise.all(['kv/a', 'kv/b'].map((key) => one(provider, key)))
  t.match(failures, [{ kind: 'unavailable' }, { kind: 'unavailable' }])
  t.equal(vault.count(/mounts/), 1)
  const given = new AbortController()
  vault.intercept = ({ path }) => {
    if (path.includes('mounts/')) given.abort()
    return undefined
  }
  const [gaveUp, other] = await Promise.all([
    one(provider, 'kv/a', undefined, given.signal).catch((error: unknown) => error),
    one(provider, 'kv/b'),
  ])
  t.match(gaveUp, { reason: 'aborted' })
  t.match(other, { version: /^1-/ })
})

t.test('with a configured version only a mount that was read is kept', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = source(vault.token({ ttl: 0, policy: everything }))
  const client = new VaultClient(configOf(vault.url, { auth: { token } }), context(t))
  t.teardown(() => client.close())
  const nothing = () => Promise.reject(new Error('nothing is asked'))
  const session = { token: nothing, refused: nothing, refusedAgain: nothing, describeDead: () => 'nothing' }
  const mounts = new Mounts(new Authorized(client, session), systemClock, 2)
  const mount = await mounts.of('kv/app', signal())
  t.not(await mounts.of('kv/app', signal()), mount)
  mounts.wasRead(mount)
  t.equal(await mounts.of('kv/app', signal()), mount)
})

t.test('an answer that is no secret is malformed', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault, { kvVersion: 2 })
  const metadata = { version: 1 }
  for (const data of [
    null,
    { data: null, metadata },
    { data: 'CANARY-text', metadata },
    { data: {} },
    { data: {}, metadata: { version: -1 } },
    { data: {}, metadata: { version: 1e300 } },
    { data: {}, metadata: { version: 'CANARY' } },
  ]) {
    vault.intercept = ({ path }) => (path.startsWith('kv/') ? envelope({ data }) : undefined)
    const error = await one(provider, 'kv/app')
    t.match(error, { kind: 'unavailable', reason: 'malformed' })
    leaksNothing(t, error)
  }
  vault.intercept = ({ path }) => (path.startsWith('kv/') ? { status: 204 } : undefined)
  t.match(await one(provider, 'kv/app'), { kind: 'unavailable' })
})

t.test('what is missing and what is denied tells what to do, in words of ours', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ policy: { 'kv/data/other': ['read'] } })
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } })
  const error = await failureAt(provider, 'kv/app')
  t.match(error, { kind: 'denied', reason: 'denied' })
  t.ok(error.message.includes('path "kv/data/app" { capabilities = ["read"] }'), error.message)
  leaksNothing(t, error)
  const nowhere = await one(provider, 'nowhere/app')
  t.match(nowhere, { kind: 'denied', message: /nothing is mounted there, or the token has no right/ })
  leaksNothing(t, nowhere)
})
