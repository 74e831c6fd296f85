import t from 'tap'
import { createWorld } from './support/world.ts'

t.test('the list names what is declared or held, by name, and never a value', async (t) => {
  const world = await createWorld(t, {
    values: { 'b/two': 'CANARY-two-1', 'a/one': 'CANARY-one-1' },
    rules: { 'b/two': { required: true }, gone: {}, 'shared/*': { key: '*' } },
  })
  world.provider.values.set('token', 'CANARY-token-1')
  await world.get('/v1/secrets/shared/token')
  const { status, json, text } = await world.get('/v1/secrets')
  t.equal(status, 200)
  t.match(json(), {
    secrets: [
      { name: 'a/one', provider: 'memory', version: /^h-/, state: 'fresh', required: false, ageSeconds: 0 },
      {
        name: 'b/two',
        required: true,
        fetchedAt: '2026-01-01T00:00:00.000Z',
        nextRefreshAt: /^2026-01-01T00:\d\d/,
      },
      { name: 'gone', version: null, state: 'missing', fetchedAt: null, ageSeconds: null },
      { name: 'shared/token', state: 'fresh' },
    ],
  })
  t.notMatch(text, 'CANARY-')
})

t.test('?prefix= narrows the list', async (t) => {
  const world = await createWorld(t, { values: { 'a/one': 'CANARY-1', 'a/two': 'CANARY-2', b: 'CANARY-3' } })
  const { json } = await world.get('/v1/secrets?prefix=a/')
  t.match(json(), { secrets: [{ name: 'a/one' }, { name: 'a/two' }] })
  t.strictSame((await world.get('/v1/secrets?prefix=zzz')).json(), { secrets: [] })
})
