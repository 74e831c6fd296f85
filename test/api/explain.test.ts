import t from 'tap'
import { explained } from '../../src/api/explained.ts'
import { timestamp } from '../../src/api/item.ts'
import { explanationSchema } from '../../src/api/openapi/schemas.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { canaryGuard } from '../support/canary.ts'
import { settle } from '../support/virtual-clock.ts'
import { createWorld } from './support/world.ts'

t.test(
  'a secret is explained: where it is from, how it is, what happens next; never its value',
  async (t) => {
    const guard = canaryGuard(t)
    const world = await createWorld(t, {
      rules: { 'db-password': { maxStaleMs: 3_600_000, required: true } },
    })
    const { status, json, text, headers } = await world.get('/v1/explain/db-password')
    t.equal(status, 200)
    t.match(headers, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    t.match(json(), {
      name: 'db-password',
      rule: 'db-password',
      provider: 'memory',
      key: 'db-password',
      field: null,
      state: 'fresh',
      required: true,
      version: world.cache.status('db-password')?.version,
      ageSeconds: 0,
      refreshSeconds: 600,
      freshSeconds: 600,
      maxStaleSeconds: 3_600,
      lease: null,
      fetchedAt: '2026-01-01T00:00:00.000Z',
      lastSuccessAt: '2026-01-01T00:00:00.000Z',
      lastError: null,
      failures: 0,
      nextAttemptAt: /^2026-01-01T00:0\d:/,
      expiresAt: '2026-01-01T01:00:00.000Z',
      fetching: false,
      breaker: { state: 'closed', cause: null, nextProbeAt: null },
      callersWaiting: 0,
      waiters: 0,
    })
    t.strictSame(Object.keys(json()), Object.keys(explanationSchema.properties))
    guard.noLeak('the explanation', text)
  },
)

t.test('what went wrong is told with its kind and time, and is still told after it is over', async (t) => {
  const world = await createWorld(t)
  world.provider.failure = new ProviderError('unavailable', 'timeout', 'memory gave no answer within 5 s')
  await world.clock.advance(700_000)
  const failing = (await world.get('/v1/explain/db-password')).json()
  t.match(failing, {
    state: 'stale',
    lastError: {
      kind: 'unavailable',
      reason: 'timeout',
      message: 'memory gave no answer within 5 s',
      at: /^2026-/,
    },
  })
  t.ok(Number(failing.failures) > 0)
  world.provider.failure = undefined
  await world.clock.advance(700_000)
  t.match((await world.get('/v1/explain/db-password')).json(), {
    state: 'fresh',
    failures: 0,
    lastError: { reason: 'timeout' },
  })
})

t.test('it tells who waits for a change', async (t) => {
  const world = await createWorld(t)
  const tag = (await world.get('/v1/secrets/db-password')).headers.etag ?? ''
  const answers = [1, 2].map(() =>
    world.get('/v1/secrets/db-password?wait=1m', { headers: { 'If-None-Match': tag } }),
  )
  while (world.metrics.changes.waiting < 2) await settle()
  t.equal((await world.get('/v1/explain/db-password')).json().waiters, 2)
  await world.clock.advance(60_000)
  await Promise.all(answers)
  t.equal((await world.get('/v1/explain/db-password')).json().waiters, 0)
})

t.test('a pattern secret is explained before anybody asked for it, and costs no call', async (t) => {
  const world = await createWorld(t, { values: {}, rules: { 'shared/*': { key: 'prod/*' } } })
  t.match((await world.get('/v1/explain/shared/a%20b')).json(), {
    name: 'shared/a b',
    rule: 'shared/*',
    key: 'prod/a b',
    state: 'undiscovered',
    version: null,
    ageSeconds: null,
  })
  t.equal(world.provider.calls, 0)
})

t.test('what no rule names is 404, and a query is 400', async (t) => {
  const world = await createWorld(t)
  const { status, json } = await world.get('/v1/explain/nope')
  t.equal(status, 404)
  t.match(json(), {
    code: 'SIDEKEEP_SECRET_NOT_FOUND',
    detail: 'There is no secret named "nope" here: no rule of the configuration names it.',
  })
  t.match(
    (await world.get('/v1/secrets/nope')).json().detail,
    'either no rule of the configuration names it, or',
  )
  t.equal((await world.get('/v1/explain/db-password?x=1')).status, 400)
})

t.test('a lease and an open breaker are told with their times', async (t) => {
  const at = Date.UTC(2026, 0, 1)
  const made = explained(
    {
      name: 'a',
      rule: 'a',
      provider: 'p',
      key: 'a',
      field: 'password',
      fallback: undefined,
      parts: undefined,
      state: 'stale',
      required: false,
      version: '1',
      ageMs: 1_999,
      refreshMs: 1_500,
      freshMs: 500,
      maxStaleMs: 60_000,
      lease: { renewable: true, endsAt: at },
      fetchedAt: at,
      lastSuccessAt: at,
      lastError: undefined,
      failures: 0,
      nextAttemptAt: undefined,
      expiresAt: undefined,
      fetching: true,
      breaker: { state: 'open', cause: 'denied', nextProbeAt: at },
      callersWaiting: 3,
    },
    4,
  )
  t.match(made, {
    field: 'password',
    ageSeconds: 1,
    refreshSeconds: 1.5,
    freshSeconds: 0.5,
    lease: { renewable: true, endsAt: '2026-01-01T00:00:00.000Z' },
    breaker: { state: 'open', cause: 'denied', nextProbeAt: '2026-01-01T00:00:00.000Z' },
    nextAttemptAt: null,
    callersWaiting: 3,
    waiters: 4,
  })
})

t.test('an end beyond all dates is told as the last of them', (t) => {
  t.equal(timestamp(Number.MAX_SAFE_INTEGER), '+275760-09-13T00:00:00.000Z')
  t.equal(timestamp(Number.POSITIVE_INFINITY), '+275760-09-13T00:00:00.000Z')
  t.equal(timestamp(0), '1970-01-01T00:00:00.000Z')
  t.equal(timestamp(undefined), null)
  t.end()
})
