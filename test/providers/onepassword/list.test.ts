import t, { type Test } from 'tap'
import type { OnepasswordConnectConfig } from '../../../src/config/schema.ts'
import { type FakeVault, idFor, startConnect } from '../../support/fake-onepassword.ts'
import { signal, text } from '../conformance.ts'
import { connectProvider, fetchOne, rejection } from './support.ts'

const vaults: FakeVault[] = [
  {
    name: 'Prod',
    items: [
      {
        title: 'db',
        fields: [
          { label: 'user', value: 'CANARY-u' },
          { label: 'host', section: 'ad/min', value: 'CANARY-h' },
          { id: 'one', label: 'twice', value: 'CANARY-1' },
          { id: 'two', label: 'twice', value: 'CANARY-2' },
        ],
        files: [{ name: 'ca.pem', content: Buffer.from('CANARY-ca') }],
      },
      { title: 'a/b', fields: [{ label: 'user', value: 'CANARY-ab' }] },
      { title: 'app 1' },
      { id: idFor('same 1'), title: 'same' },
      { id: idFor('same 2'), title: 'same' },
      { title: 'old', state: 'ARCHIVED' },
    ],
  },
  { name: '50%', items: [{ title: '100%', fields: [{ label: 'f', value: 'CANARY-f' }] }] },
  { name: 'Test', items: [{ title: 'db', fields: [{ label: 'user', value: 'CANARY-t' }] }] },
]

async function listed(
  t: Test,
  patterns: readonly string[],
  more: Partial<OnepasswordConnectConfig> = {},
): Promise<readonly string[]> {
  const connect = await startConnect(t, vaults)
  const provider = await connectProvider(t, connect.url, more)
  const keys = (await provider.listKeys?.(patterns, signal())) ?? []
  // Each names something that there is; `app 1/user` alone is taken for granted, and `db` has a label twice.
  for (const key of keys.filter((one) => !/app 1\/|(?:^|\/)db$/.test(one))) {
    t.ok('value' in ((await fetchOne(provider, key)) ?? {}), `${key} is a key`)
  }
  return [...keys].sort()
}

const prodItems = ['a%2Fb', 'app 1', 'db', idFor('same 1'), idFor('same 2')].sort()

t.test('a pattern of items gives those of the vault, each by a key of its own', async (t) => {
  t.strictSame(await listed(t, ['*'], { vault: 'Prod' }), prodItems)
  t.strictSame(
    await listed(t, ['Prod/*']),
    prodItems.map((key) => `Prod/${key}`),
  )
  t.strictSame(
    await listed(t, ['op://Prod/*'], { vault: 'Test' }),
    prodItems.map((key) => `op://Prod/${key}`),
  )
  t.strictSame(await listed(t, ['a*'], { vault: 'Prod' }), ['a%2Fb', 'app 1'])
  t.strictSame(await listed(t, ['d*b'], { vault: 'Prod' }), [], 'a star stands for something')
})

t.test('what follows the item is taken for granted', async (t) => {
  t.strictSame(await listed(t, ['a*/user'], { vault: 'Prod' }), ['a%2Fb/user', 'app 1/user'])
})

t.test('a pattern of vaults gives those that the token may see', async (t) => {
  t.strictSame(
    await listed(t, ['*']),
    [...prodItems.map((key) => `Prod/${key}`), '50%25/100%25', 'Test/db'].sort(),
  )
  t.strictSame(await listed(t, ['*/db/user']), ['Prod/db/user', 'Test/db/user'])
})

t.test('a pattern behind an item gives its fields and files', async (t) => {
  t.strictSame(await listed(t, ['db/*'], { vault: 'Prod' }), [
    'db/ad%2Fmin/host',
    'db/ca.pem',
    'db/one',
    'db/two',
    'db/user',
  ])
  t.strictSame(await listed(t, ['Prod/db/ad%2Fmin/*']), ['Prod/db/ad%2Fmin/host'])
  t.strictSame(await listed(t, ['none/*'], { vault: 'Prod' }), [])
  t.strictSame(await listed(t, ['%/*'], { vault: 'Prod' }), [])
  t.strictSame(await listed(t, ['100%25/*'], { vault: '50%' }), ['100%25/f'])
})

t.test('several patterns share what they have in common', async (t) => {
  const connect = await startConnect(t, vaults)
  const provider = await connectProvider(t, connect.url, { vault: 'Prod' })
  const keys = await provider.listKeys?.(['d*', 'a*', 'same*'], signal())
  t.strictSame(keys, ['db', 'a%2Fb', 'app 1'])
  t.strictSame(connect.asked.length, 2)
  t.equal(text(await fetchOne(provider, 'a%2Fb/user')), 'CANARY-ab')
})

t.test('a list that is too long, or of a vault that is not there, is no list', async (t) => {
  const tooLong = await rejection(listed(t, ['*'], { vault: 'Prod', maxSecrets: 4 }))
  t.match(tooLong, { kind: 'unavailable', reason: 'oversized' })
  t.match(await rejection(listed(t, ['*'], { vault: 'None' })), {
    kind: 'denied',
    message: /no vault "None"/,
  })
  t.match(await rejection(listed(t, ['None/*'])), { kind: 'denied' })
  const connect = await startConnect(t, vaults)
  const provider = await connectProvider(t, connect.url)
  t.match(await rejection(provider.listKeys?.(['*'], AbortSignal.abort())), { reason: 'aborted' })
})
