import t from 'tap'
import type { ApiDeps } from '../../src/api/ports.ts'
import type { ProviderErrorKind, ProviderErrorReason } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { settle } from '../support/virtual-clock.ts'
import { createWorld, pause } from './support/world.ts'

t.test('?refresh=true fetches first and answers what was fetched', async (t) => {
  const world = await createWorld(t)
  await pause(world)
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  t.equal((await world.get('/v1/secrets/db-password')).json().value, 'CANARY-db-password-1')
  t.equal((await world.get('/v1/secrets/db-password?refresh=false')).json().value, 'CANARY-db-password-1')
  t.equal((await world.get('/v1/secrets/db-password?refresh=true')).json().value, 'CANARY-db-password-2')
})

t.test('many who ask for a refresh at once share one call', async (t) => {
  const world = await createWorld(t)
  await pause(world)
  const before = world.provider.calls
  const open = world.provider.hold()
  const waiting = [
    world.get('/v1/secrets/db-password?refresh=true'),
    world.get('/v1/secrets/db-password?refresh'),
    world.post('/v1/refresh/db-password'),
  ]
  while (world.provider.calls === before) await settle()
  while ((await world.metrics.render()).body.includes('result="bypass"} 2') === false) await settle()
  await settle()
  open()
  for (const { status } of await Promise.all(waiting)) t.equal(status, 200)
  t.equal(world.provider.calls, before + 1)
})

const failures: [ProviderErrorKind, ProviderErrorReason, number, string][] = [
  ['unavailable', 'refused', 502, 'SIDEKEEP_REFRESH_FAILED'],
  ['unavailable', 'malformed', 502, 'SIDEKEEP_REFRESH_FAILED'],
  ['denied', 'denied', 502, 'SIDEKEEP_REFRESH_FAILED'],
  ['throttled', 'throttled', 503, 'SIDEKEEP_REFRESH_THROTTLED'],
  ['unavailable', 'timeout', 504, 'SIDEKEEP_REFRESH_TIMED_OUT'],
  ['unavailable', 'aborted', 503, 'SIDEKEEP_SHUTTING_DOWN'],
  ['missing', 'not-found', 404, 'SIDEKEEP_SECRET_NOT_FOUND'],
]

for (const [kind, reason, status, code] of failures) {
  t.test(
    `a refresh that fails as ${kind}/${reason} is ${status} ${code}, and what is held stays held`,
    async (t) => {
      const world = await createWorld(t)
      await pause(world)
      world.provider.failure = new ProviderError(kind, reason, 'Memory said so.', { retryAfterMs: 2_500 })
      for (const answer of [
        await world.get('/v1/secrets/db-password?refresh=true'),
        await world.post('/v1/refresh/db-password'),
      ]) {
        t.equal(answer.status, status)
        t.equal(answer.json().code, code)
        t.notMatch(String(answer.json().detail), /\.[.)]/, 'a sentence within a sentence has no full stop')
        if (kind === 'throttled') t.equal(answer.headers['retry-after'], '3', 'rounded up')
      }
      t.equal((await world.get('/v1/secrets/db-password')).status, kind === 'missing' ? 404 : 200)
    },
  )
}

t.test('a refresh that takes too long for the caller is 504, and goes on', async (t) => {
  const world = await createWorld(t, { config: { refreshTimeout: 1_000 } })
  await pause(world)
  const before = world.provider.calls
  const open = world.provider.hold()
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  const waiting = [world.get('/v1/secrets/db-password?refresh=true'), world.post('/v1/refresh/db-password')]
  const all = world.post('/v1/refresh')
  while (world.provider.calls === before || world.clock.pending < 5) await settle()
  await world.clock.advance(1_000)
  for (const { status, json } of await Promise.all(waiting)) {
    t.equal(status, 504)
    t.equal(json().code, 'SIDEKEEP_REFRESH_TIMED_OUT')
  }
  const late = await all
  t.equal(late.status, 503)
  t.equal(late.json().code, 'SIDEKEEP_REQUEST_TIMED_OUT')
  open()
  await settle()
  t.equal((await world.get('/v1/secrets/db-password')).json().value, 'CANARY-db-password-2')
})

t.test('POST /v1/refresh/{name} answers how the secret stands, and never its value', async (t) => {
  const world = await createWorld(t, { values: { 'a/b': 'CANARY-ab-1' } })
  await pause(world)
  const unchanged = await world.post('/v1/refresh/a/b')
  t.equal(unchanged.status, 200)
  t.match(unchanged.json(), {
    name: 'a/b',
    provider: 'memory',
    state: 'fresh',
    ageSeconds: 0,
    outcome: 'unchanged',
  })
  await pause(world)
  world.provider.values.set('a/b', 'CANARY-ab-2')
  const rotated = await world.post('/v1/refresh/a%2Fb')
  t.equal(rotated.json().outcome, 'rotated')
  t.notMatch(unchanged.text + rotated.text, 'CANARY-')
})

t.test(
  'POST /v1/refresh answers 200 with an outcome for each secret, and the code where one failed',
  async (t) => {
    const world = await createWorld(t, {
      values: { one: 'CANARY-one-1', two: 'CANARY-two-1', three: 'CANARY-three-1' },
    })
    await pause(world)
    world.provider.values.set('one', 'CANARY-one-2')
    world.provider.values.delete('two')
    const { status, json, text } = await world.post('/v1/refresh')
    t.equal(status, 200)
    t.match(json(), {
      secrets: [
        { name: 'one', outcome: 'rotated', state: 'fresh' },
        { name: 'three', outcome: 'unchanged' },
        { name: 'two', outcome: 'not-found', code: 'SIDEKEEP_SECRET_NOT_FOUND' },
      ],
    })
    t.notMatch(text, 'CANARY-')
    await pause(world)
    world.provider.failure = new ProviderError('unavailable', 'timeout', 'memory gave no answer')
    const failed = await world.post('/v1/refresh')
    t.equal(failed.status, 200)
    t.match(failed.json(), {
      secrets: [{ name: 'one', outcome: 'failed', code: 'SIDEKEEP_REFRESH_TIMED_OUT', state: 'fresh' }],
    })
  },
)

t.test('a body is ignored, whatever it claims to be', async (t) => {
  const world = await createWorld(t)
  for (const type of ['application/json', 'text/plain', ';;;', 'application/x-www-form-urlencoded', '']) {
    const { status } = await world.post('/v1/refresh/db-password', {
      headers: type === '' ? {} : { 'Content-Type': type },
      body: '{ not json',
    })
    t.equal(status, 200, type)
  }
})

t.test('a refresher that breaks its promise is 500 SIDEKEEP_INTERNAL', async (t) => {
  const refresher: ApiDeps['refresher'] = {
    demand: async () => ({ kind: 'not-found' }),
    refresh: async () => {
      throw new Error('CANARY-internal-1')
    },
    refreshAll: async () => [],
    rejected: async () => ({ outcome: 'not-found' }),
    explain: () => undefined,
  }
  const world = await createWorld(t, { deps: { refresher } })
  const { status, text, json } = await world.get('/v1/secrets/db-password?refresh=true')
  t.equal(status, 500)
  t.equal(json().code, 'SIDEKEEP_INTERNAL')
  t.notMatch(text, 'CANARY-')
  t.equal(world.errors.length, 1)
})
