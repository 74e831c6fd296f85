import t from 'tap'
import { noneMatchFails } from '../../src/api/conditional.ts'
import { createWorld, pause } from './support/world.ts'

t.test(
  'If-None-Match with the tag that was sent is 304 with the headers of the version and no body',
  async (t) => {
    const world = await createWorld(t)
    for (const path of ['/v1/secrets/db-password', '/v1/secrets/db-password?format=raw']) {
      const etag = String((await world.get(path)).headers.etag)
      await world.clock.advance(2_000)
      const { status, headers, bytes } = await world.get(path, { headers: { 'If-None-Match': etag } })
      t.equal(status, 304)
      t.equal(bytes.length, 0)
      t.match(headers, {
        etag,
        'sidekeep-state': 'fresh',
        'sidekeep-version': /^h-/,
        'cache-control': 'no-store',
        vary: 'Accept',
      })
      t.not(headers.age, '0')
      t.notOk(headers['content-type'])
      t.notOk(headers['content-length'])
    }
  },
)

t.test('lists, weak tags and * are understood (RFC 9110, section 13.1.2)', async (t) => {
  const world = await createWorld(t)
  const path = '/v1/secrets/db-password'
  const etag = String((await world.get(path)).headers.etag)
  for (const [header, status] of [
    [`W/${etag}`, 304],
    [`"other", ${etag}`, 304],
    [`"a,b" , W/${etag},"c"`, 304],
    ['*', 304],
    ['"other"', 200],
    [etag.slice(1, -1), 200],
    ['nonsense', 200],
    ['', 200],
  ] as const) {
    t.equal((await world.get(path, { headers: { 'If-None-Match': header } })).status, status, header)
  }
})

t.test('the tag of one form does not match the other', async (t) => {
  const world = await createWorld(t)
  const path = '/v1/secrets/db-password'
  const etag = String((await world.get(path)).headers.etag)
  t.equal((await world.get(`${path}?format=raw`, { headers: { 'If-None-Match': etag } })).status, 200)
})

t.test('a value that has only become stale is still not modified', async (t) => {
  const { ProviderError } = await import('../../src/secrets/provider.ts')
  const world = await createWorld(t)
  const path = '/v1/secrets/db-password'
  const fresh = String((await world.get(path)).headers.etag)
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(700_000)
  const { status, headers } = await world.get(path, { headers: { 'If-None-Match': fresh } })
  t.equal(status, 304)
  t.equal(headers['sidekeep-state'], 'stale')
})

t.test('a rotation is a modification', async (t) => {
  const world = await createWorld(t)
  const path = '/v1/secrets/db-password'
  const before = String((await world.get(path)).headers.etag)
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  const { status, json } = await world.get(path, { headers: { 'If-None-Match': before } })
  t.equal(status, 200)
  t.equal(json().value, 'CANARY-db-password-2')
})

t.test('an error is an error whatever If-None-Match says', async (t) => {
  const world = await createWorld(t)
  for (const path of ['/v1/secrets/nope', '/v1/secrets/db-password?field=x']) {
    t.equal((await world.get(path, { headers: { 'If-None-Match': '*' } })).status, 404)
  }
})

t.test('what stands between tags is passed over', async (t) => {
  t.ok(noneMatchFails('junk "x" junk', '"y"', (tag) => tag === '"x"'))
  t.notOk(noneMatchFails('"unclosed', '"y"', () => true))
})
