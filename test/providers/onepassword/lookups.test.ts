import t, { type Test } from 'tap'
import type { OnepasswordConnectConfig } from '../../../src/config/schema.ts'
import type { HeldVersions } from '../../../src/secrets/provider.ts'
import { type FakeItem, type FakeVault, idFor, startConnect } from '../../support/fake-onepassword.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { signal, text } from '../conformance.ts'
import { connectProvider, errorOf, fetchOne } from './support.ts'

const item = (title: string, value = `CANARY-${title}`): FakeItem => ({
  title,
  fields: [
    { label: 'f', value },
    { label: 'g', value: 'CANARY-g' },
  ],
})

async function setUp(t: Test, vaults: FakeVault[], more: Partial<OnepasswordConnectConfig> = {}) {
  const connect = await startConnect(t, vaults)
  const clock = new VirtualClock()
  return { connect, clock, provider: await connectProvider(t, connect.url, more, { clock }) }
}

t.test('several keys of one item share its request', async (t) => {
  const { connect, provider } = await setUp(t, [{ name: 'V', items: [item('a'), item('b')] }])
  t.ok((provider.batchSize ?? 1) > 1)
  const results = await provider.fetch(['V/a/f', 'V/a/g', 'V/a', 'V/b/f', 'op://V/b/g'], signal())
  t.equal(results.size, 5)
  const details = connect.asked.filter((path) => /items\/[a-z0-9]{26}$/.test(path))
  t.equal(details.length, 2)
  t.equal(connect.asked.filter((path) => path === '/v1/vaults?filter=name eq "V"').length, 1)
})

t.test('ids are remembered for a while', async (t) => {
  const { connect, clock, provider } = await setUp(t, [{ name: 'V', items: [item('a')] }])
  await fetchOne(provider, 'V/a/f')
  t.equal(connect.asked.length, 3)
  connect.forgetRequests()
  await fetchOne(provider, 'V/a/g')
  t.equal(connect.asked.length, 1)
  connect.forgetRequests()
  await clock.advance(5 * 60_000 + 1)
  await fetchOne(provider, 'V/a/f')
  t.equal(connect.asked.length, 3)
})

t.test('an item that was renamed, deleted or made anew is looked up again', async (t) => {
  const vault: FakeVault = { name: 'V', items: [{ ...item('a', 'CANARY-1'), id: idFor('1') }] }
  const { provider } = await setUp(t, [vault])
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-1')
  vault.items = [{ ...item('renamed', 'CANARY-1'), id: idFor('1') }]
  t.match(await errorOf(provider, 'V/a/f'), { kind: 'missing' })
  vault.items.push({ ...item('a', 'CANARY-2'), id: idFor('2') })
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-2')
  vault.items = [{ ...item('a', 'CANARY-3'), id: idFor('3') }]
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-3')
})

t.test('nothing is missing or denied because of a vault that was only remembered', async (t) => {
  const old: FakeVault = { id: idFor('old'), name: 'V', items: [item('a', 'CANARY-old')] }
  const next: FakeVault = { id: idFor('next'), name: 'V', items: [item('a', 'CANARY-next')] }
  const { connect, provider } = await setUp(t, [old])
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-old')
  connect.vaults.splice(0, 1, next)
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-next')
  connect.vaults.push({ ...old, name: 'elsewhere' })
  connect.vaults.splice(0, 1, { ...old, name: 'V', id: idFor('third') }, next)
  connect.scope = new Set([idFor('third')])
  t.equal(text(await fetchOne(provider, 'V/a/f')), 'CANARY-old')
})

t.test('vaults go by id too, and ids win', async (t) => {
  const strange = idFor('strange')
  const vaults = [
    { id: idFor('1'), name: 'V', items: [item('a', 'CANARY-1')] },
    { id: idFor('2'), name: strange, items: [item('a', 'CANARY-2')] },
    { id: idFor('3'), name: idFor('1'), items: [item('a', 'CANARY-3')] },
  ]
  const { provider } = await setUp(t, vaults)
  t.equal(text(await fetchOne(provider, `${idFor('1')}/a/f`)), 'CANARY-1')
  t.equal(text(await fetchOne(provider, `${strange}/a/f`)), 'CANARY-2')
  const byConfiguration = await setUp(t, vaults, { vault: idFor('2') })
  t.equal(text(await fetchOne(byConfiguration.provider, 'a/f')), 'CANARY-2')
})

const many = (count: number): FakeVault => ({
  name: 'V',
  items: Array.from({ length: count }, (_, n) => ({ ...item(`i${n}`), version: 3 })),
})

function held(results: ReadonlyMap<string, unknown>): HeldVersions {
  return new Map([...results].map(([key, result]) => [key, (result as { version: string }).version]))
}

t.test('what is held and current is confirmed by the list of the vault', async (t) => {
  const vault = many(10)
  const { connect, provider } = await setUp(t, [vault])
  const keys = vault.items.map(({ title }) => `V/${title}/f`)
  const first = await provider.fetch(keys, signal())
  connect.forgetRequests()
  t.strictSame(
    [...(await provider.fetch(keys, signal(), held(first))).values()],
    keys.map(() => ({ unchanged: true })),
  )
  t.equal(connect.asked.length, 1)

  const [changed] = vault.items
  if (changed !== undefined)
    Object.assign(changed, { version: 4, fields: [{ label: 'f', value: 'CANARY-new' }] })
  const second = await provider.fetch(keys, signal(), held(first))
  t.equal(text(second.get('V/i0/f')), 'CANARY-new')
  t.equal([...second.values()].filter((result) => 'unchanged' in result).length, 9)

  // Another item with the same title and the same number is another version.
  vault.items[0] = { ...item('i0', 'CANARY-other'), id: idFor('other'), version: 4 }
  t.equal(
    text(
      (
        await provider.fetch(
          keys,
          signal(),
          held(new Map([...first, ...second].filter(([, result]) => 'version' in result))),
        )
      ).get('V/i0/f'),
    ),
    'CANARY-other',
  )

  vault.items.shift()
  t.match((await provider.fetch(keys, signal(), held(first))).get('V/i0/f'), { kind: 'missing' })
})

t.test('a list is asked for only where that is cheaper', async (t) => {
  const few = await setUp(t, [many(3)])
  const keys = ['V/i0/f', 'V/i1/f', 'V/i2/f']
  const first = await few.provider.fetch(keys, signal())
  few.connect.forgetRequests()
  const again = await few.provider.fetch(keys, signal(), held(first))
  t.notOk([...again.values()].some((result) => 'unchanged' in result))

  const large = await setUp(t, [many(200)])
  const four = ['V/i0/f', 'V/i1/f', 'V/i2/f', 'V/i3/f']
  const versions = held(await large.provider.fetch(four, signal()))
  await large.provider.fetch(four, signal(), versions)
  large.connect.forgetRequests()
  await large.provider.fetch(four, signal(), versions)
  t.notOk(
    large.connect.asked.some((path) => path.endsWith('/items')),
    'its size is known now',
  )

  const { connect, provider } = await setUp(t, [many(50)], { maxSecrets: 20 })
  const held4 = held(await provider.fetch(four, signal()))
  connect.forgetRequests()
  const results = await provider.fetch(four, signal(), held4)
  t.strictSame(
    [...results.values()].map((result) => 'value' in result),
    [true, true, true, true],
  )
})

t.test('versions that are not held confirm nothing', async (t) => {
  const vault = many(6)
  const { provider } = await setUp(t, [vault])
  const keys = vault.items.map(({ title }) => `V/${title}/f`)
  const versions = new Map(held(await provider.fetch(keys, signal())))
  versions.delete('V/i0/f')
  versions.set('V/i1/f', '3')
  const results = await provider.fetch(keys, signal(), versions)
  t.strictSame(
    [...results.entries()]
      .filter(([, result]) => 'value' in result)
      .map(([key]) => key)
      .sort(),
    ['V/i0/f', 'V/i1/f'],
  )
})
