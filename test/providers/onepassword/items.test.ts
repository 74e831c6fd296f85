import t, { type Test } from 'tap'
import type { Provider } from '../../../src/secrets/provider.ts'
import {
  type FakeItem,
  type FakeVault,
  idFor,
  idOfItem,
  startConnect,
} from '../../support/fake-onepassword.ts'
import { leaksNothing, signal, text } from '../conformance.ts'
import { connectProvider, errorOf, fetchOne } from './support.ts'

const login: FakeItem = {
  title: 'Login',
  version: 7,
  fields: [
    { id: 'username', label: 'user name', purpose: 'USERNAME', type: 'STRING', value: 'CANARY-user' },
    { id: 'a7', label: 'pass', purpose: 'PASSWORD', value: 'CANARY-password' },
    { id: 'notesPlain', label: 'notesPlain', purpose: 'NOTES', type: 'STRING' },
    { label: 'host', section: 'admin', value: 'CANARY-admin-host' },
    { label: 'host', section: 'other', value: 'CANARY-other-host' },
    { label: 'port', value: 'CANARY-port' },
    { label: 'port', section: 'admin', value: 'CANARY-admin-port' },
    { label: 'a7', section: 'admin', value: 'CANARY-labelled-like-an-id' },
    { label: 'one-time password', type: 'OTP', value: 'otpauth://totp/CANARY-seed', totp: '123456' },
  ],
  files: [
    { name: 'ca.pem', content: Buffer.from([0, 1, 2, 255]) },
    { name: 'host', content: Buffer.from('CANARY-file'), section: 'files' },
  ],
}

async function provided(t: Test, items: FakeItem[]): Promise<{ provider: Provider; vault: FakeVault }> {
  const vault: FakeVault = { name: 'Main', items }
  const { url } = await startConnect(t, [vault])
  return { provider: await connectProvider(t, url, { vault: 'Main' }), vault }
}

t.test('fields are named by id, by label, by section and by what they are for', async (t) => {
  const { provider } = await provided(t, [login])
  for (const [key, value] of [
    ['Login/username', 'CANARY-user'],
    ['Login/user name', 'CANARY-user'],
    ['Login/user%20name', 'CANARY-user'],
    ['Login/USERNAME', 'CANARY-user'],
    ['Login/password', 'CANARY-password'],
    ['Login/PASSWORD', 'CANARY-password'],
    ['Login/notesPlain', ''],
    ['Login/admin/host', 'CANARY-admin-host'],
    [`Login/${idFor('section other')}/host`, 'CANARY-other-host'],
    [`Login/${idFor('field other host')}`, 'CANARY-other-host'],
    // One of no section is what a key without a section names.
    ['Login/port', 'CANARY-port'],
    ['Login/admin/port', 'CANARY-admin-port'],
    // Ids win.
    ['Login/a7', 'CANARY-password'],
    ['Login/admin/a7', 'CANARY-labelled-like-an-id'],
    ['op://Main/Login/username', 'CANARY-user'],
    ['Login/files/host', 'CANARY-file'],
  ] as const) {
    const fetched = await fetchOne(provider, key)
    t.equal(text(fetched), value, key)
    t.match(fetched, { version: /^7-[a-z0-9]{8}$/ })
  }
})

t.test('what is not there is missing, and several of one name are told with their ids', async (t) => {
  const { provider } = await provided(t, [login])
  for (const key of [
    'Login/none',
    'Login/admin/none',
    'Login/none/host',
    'login',
    'Login/Host',
    'Login/admin/username',
  ]) {
    t.match(await errorOf(provider, key), { kind: 'missing', reason: 'not-found' }, key)
  }
  const error = await errorOf(provider, 'Login/host')
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
  t.match(error.message, `several fields are named "host". Name one by its id: ${idFor('field admin host')}`)
  leaksNothing(t, error)
})

t.test('a whole item is JSON with its fields by label', async (t) => {
  const fields = [
    { label: 'user', value: 'CANARY-u' },
    { label: '__proto__', value: 'CANARY-p' },
    { label: 'empty' },
    { id: 'nameless', value: 'CANARY-n' },
  ]
  const twice = [
    { label: 'port', value: 'CANARY-1' },
    { label: 'port', section: 'b', value: 'CANARY-2' },
  ]
  const { provider } = await provided(t, [
    { title: 'db', fields },
    { title: 'twice', fields: twice },
  ])
  t.equal(
    text(await fetchOne(provider, 'db')),
    '{"user":"CANARY-u","__proto__":"CANARY-p","empty":"","nameless":"CANARY-n"}',
  )
  const error = await errorOf(provider, 'twice')
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
  t.match(error.message, 'several fields have the label "port"')
  leaksNothing(t, error)
})

t.test('the key of one-time passwords is served, and a code refused', async (t) => {
  const { provider } = await provided(t, [login])
  t.equal(text(await fetchOne(provider, 'op://Main/Login/one-time password')), 'otpauth://totp/CANARY-seed')
  for (const attribute of ['otp', 'totp']) {
    const error = await errorOf(provider, `op://Main/Login/one-time password?attribute=${attribute}`)
    t.match(error, { kind: 'unavailable', reason: 'malformed' })
    t.match(error.message, /good for seconds/)
  }
  t.match(await errorOf(provider, 'op://Main/Login/key?ssh-format=openssh'), { reason: 'malformed' })
})

t.test('a file is brought byte by byte', async (t) => {
  const { provider } = await provided(t, [login])
  const fetched = await fetchOne(provider, 'Login/ca.pem')
  t.ok(
    fetched !== undefined && 'value' in fetched && fetched.value.reveal().equals(Buffer.from([0, 1, 2, 255])),
  )
})

t.test('what is in the archive or in the bin is missing, and no namesake of anything', async (t) => {
  const field = { label: 'f', value: 'CANARY-1' }
  const archived: FakeItem = { id: idFor('1'), title: 'old', state: 'ARCHIVED', fields: [field] }
  const deleted: FakeItem = { id: idFor('2'), title: 'new', state: 'DELETED', fields: [field] }
  const { provider } = await provided(t, [archived, deleted, { title: 'new', fields: [field] }])
  t.match(await errorOf(provider, 'old/f'), { kind: 'missing' })
  t.match(await errorOf(provider, `${idFor('1')}/f`), { kind: 'missing' })
  t.match(await errorOf(provider, `${idFor('2')}/f`), { kind: 'missing' })
  t.equal(text(await fetchOne(provider, 'new/f')), 'CANARY-1')
})

t.test('an item by its title, whatever characters that has', async (t) => {
  const titles = [
    'a/b',
    'My Item',
    '"quoted"',
    'back\\slash',
    'x" or title ne "',
    '100%',
    '..',
    'é',
    '$&',
    'a&filter=b',
    '#',
  ]
  const { provider, vault } = await provided(
    t,
    titles.map((title) => ({ title, fields: [{ label: 'f', value: `CANARY-${title}` }] })),
  )
  for (const title of titles) {
    t.equal(text(await fetchOne(provider, `${encodeURIComponent(title)}/f`)), `CANARY-${title}`, title)
    const item = vault.items.find((one) => one.title === title)
    if (item === undefined) throw new Error('no such item')
    t.equal(text(await fetchOne(provider, `${idOfItem(vault, item)}/f`)), `CANARY-${title}`)
  }
})

t.test('items that differ in case are different ones, and namesakes are told', async (t) => {
  const item = (title: string, id: string): FakeItem => ({
    id: idFor(id),
    title,
    fields: [{ label: 'f', value: `CANARY-${id}` }],
  })
  const { provider } = await provided(t, [
    item('DB', '1'),
    item('db', '2'),
    item('two', '3'),
    item('two', '4'),
  ])
  t.equal(text(await fetchOne(provider, 'db/f')), 'CANARY-2')
  const results = await provider.fetch(['two/f', 'DB/f'], signal())
  t.match(results.get('two/f'), { kind: 'unavailable', reason: 'malformed' })
  t.match(results.get('two/f'), { message: new RegExp(`2 items.*"two".*${idFor('3')}, ${idFor('4')}`) })
  t.equal(text(results.get('DB/f')), 'CANARY-1')
  t.equal(text(await fetchOne(provider, `${idFor('4')}/f`)), 'CANARY-4')
})
