import type { IncomingMessage, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { answer } from '../../support/backend.ts'
import { type FakeConnect, type FakeVault, idFor, startConnect } from '../../support/fake-onepassword.ts'
import { leaksNothing } from '../conformance.ts'
import { connectProvider, errorOf, fetchOne } from './support.ts'

const vault = (): FakeVault => ({
  name: 'V',
  items: [
    {
      id: idFor('a'),
      title: 'a',
      fields: [{ label: 'f', value: 'CANARY-value' }],
      files: [{ name: 'x', content: Buffer.from('CANARY-file') }],
    },
  ],
})

const byProxy = answer(404, '<html>CANARY 404 Not Found</html>', { 'content-type': 'text/html' })
const byConnect = answer(404, JSON.stringify({ status: 404, message: 'CANARY-not-found' }))

/** A server, and a provider that has read from it or not yet. */
async function setUp(t: Test, reads: boolean) {
  const connect = await startConnect(t, [vault()])
  const provider = await connectProvider(t, connect.url, { vault: 'V' })
  if (reads) await fetchOne(provider, 'a/f')
  return { connect, provider }
}

function intercept(
  connect: FakeConnect,
  path: RegExp,
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): void {
  connect.intercept = (request, response) => {
    if (!path.test(request.url ?? '')) return false
    handler(request, response)
    return true
  }
}

t.test('a 404 that is not of a Connect server makes nothing missing', async (t) => {
  const bodies = [
    '',
    '{"message":"CANARY no Route matched"}',
    '{"status":"404","message":"CANARY"}',
    '{"status":404}',
    'null',
  ]
  for (const handler of [byProxy, ...bodies.map((body) => answer(404, body))]) {
    for (const path of [/./, /\/items/, /\/items\?/, /\/items\/[a-z0-9]+$/, /\/content$/]) {
      for (const reads of [false, true]) {
        const { connect, provider } = await setUp(t, reads)
        intercept(connect, path, handler)
        for (const key of path.source.includes('content')
          ? ['a/x']
          : path.source.includes('?')
            ? ['none/f', `${idFor('none')}/f`]
            : ['a/f', `${idFor('a')}/f`]) {
          const error = await errorOf(provider, key)
          t.match(error, { kind: 'unavailable', reason: 'status' }, `${key} ${path} ${reads}`)
          leaksNothing(t, error)
        }
      }
    }
  }
})

t.test('what has just been named and is a 404 is not missing', async (t) => {
  for (const reads of [false, true]) {
    for (const [path, key, message] of [
      [/\/items\/[a-z0-9]+$/, 'a/f', /has an item "a" in its list, and says that there is none/],
      [/\/items(?:\?|\/)/, 'a/f', /the vault "V" is there, and its items are not/],
      [/\/items(?:\?|\/)/, `${idFor('a')}/f`, /the vault "V" is there, and its items are not/],
      [/\/content$/, 'a/x', /its item names the file, which is not there/],
    ] as const) {
      const { connect, provider } = await setUp(t, reads)
      intercept(connect, path, byConnect)
      const error = await errorOf(provider, key)
      t.match(error, { kind: 'unavailable', reason: 'status', message }, `${key} ${path} ${reads}`)
      leaksNothing(t, error)
    }
  }
})

t.test('what a list of the vault does not have is missing', async (t) => {
  for (const reads of [false, true]) {
    const { connect, provider } = await setUp(t, reads)
    connect.vaults[0]?.items.splice(0)
    t.match(await errorOf(provider, 'a/f'), { kind: 'missing' })
    t.match(await errorOf(provider, `${idFor('a')}/f`), { kind: 'missing' })
  }
})

t.test('a vault that is made anew while its items are asked for is not empty', async (t) => {
  const { connect, provider } = await setUp(t, true)
  connect.vaults.splice(0, 1, { ...vault(), id: idFor('next') })
  intercept(connect, new RegExp(`${idFor('next')}/items\\?`), byConnect)
  t.match(await errorOf(provider, 'a/f'), { kind: 'unavailable', reason: 'status' })
})
