import t from 'tap'
import type { ApiDeps } from '../../src/api/ports.ts'
import { refreshesPerSecond } from '../../src/api/refresh-limit.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { RejectedResult } from '../../src/secrets/reading.ts'
import { settle } from '../support/virtual-clock.ts'
import { raw, request } from './support/client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/rejected/db-password'
const type = { 'Content-Type': 'application/json' }

function reject(world: World, version: unknown, of = path) {
  return world.post(of, { headers: type, body: JSON.stringify({ version }) })
}

/** A refresher that only answers reports, as it is told. */
function refresherThat(rejected: ApiDeps['refresher']['rejected']): ApiDeps['refresher'] {
  return {
    demand: async () => ({ kind: 'not-found' }),
    refresh: async () => ({ outcome: 'not-found' }),
    refreshAll: async () => [],
    rejected,
    explain: () => undefined,
  }
}

t.test('a version that a backend refused is fetched again: a rotation mid-flight is one retry', async (t) => {
  const world = await createWorld(t)
  const first = (await world.get('/v1/secrets/db-password')).json().version
  const calls = world.provider.calls
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await world.clock.advance(2_000)
  const answers = await Promise.all([reject(world, first), reject(world, first), reject(world, first)])
  const second = (await world.get('/v1/secrets/db-password')).json().version
  t.not(first, second)
  for (const { status, json } of answers) {
    t.equal(status, 200)
    t.strictSame(json(), { version: second, changed: true })
  }
  t.equal(world.provider.calls, calls + 1, 'one call for all who say so')
  t.strictSame((await reject(world, first)).json(), { version: second, changed: true })
  t.equal(world.provider.calls, calls + 1, 'and none where a newer version is held already')
})

t.test('where the provider has nothing newer, the answer says so', async (t) => {
  const world = await createWorld(t)
  await world.clock.advance(2_000)
  const version = world.cache.status('db-password')?.version
  t.strictSame((await reject(world, version)).json(), { version, changed: false })
})

t.test('a secret that nobody knows is 404', async (t) => {
  const world = await createWorld(t)
  const { status, json } = await reject(world, 'x', '/v1/rejected/nope')
  t.equal(status, 404)
  t.equal(json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
})

t.test('a fetch that fails is answered as a refresh that fails', async (t) => {
  const failures = [
    [new ProviderError('unavailable', 'refused', 'memory refused.'), 502, 'SIDEKEEP_REFRESH_FAILED'],
    [new ProviderError('denied', 'denied', 'memory denies.'), 502, 'SIDEKEEP_REFRESH_FAILED'],
    [
      new ProviderError('throttled', 'throttled', 'less.', { retryAfterMs: 7_000 }),
      503,
      'SIDEKEEP_REFRESH_THROTTLED',
    ],
    [new ProviderError('unavailable', 'timeout', 'memory is slow.'), 504, 'SIDEKEEP_REFRESH_TIMED_OUT'],
    [new ProviderError('unavailable', 'aborted', 'the end'), 503, 'SIDEKEEP_SHUTTING_DOWN'],
    [new ProviderError('missing', 'not-found', 'memory has none.'), 404, 'SIDEKEEP_SECRET_NOT_FOUND'],
  ] as const
  let result: RejectedResult = { outcome: 'not-found' }
  const world = await createWorld(t, { deps: { refresher: refresherThat(async () => result) } })
  for (const [error, expected, code] of failures) {
    result = { outcome: 'failed', error }
    const { status, json, headers } = await reject(world, '1')
    t.equal(status, expected, code)
    t.equal(json().code, code)
    t.equal(headers['retry-after'], error.retryAfterMs === undefined ? undefined : '7')
  }
})

t.test('the report waits no longer than api.refreshTimeout; the fetch goes on', async (t) => {
  const world = await createWorld(t, { config: { refreshTimeout: 500 } })
  const version = world.cache.status('db-password')?.version
  await world.clock.advance(2_000)
  const open = world.provider.hold()
  const calls = world.provider.calls
  const answer = reject(world, version)
  while (world.provider.calls === calls) await settle()
  await world.clock.advance(500)
  t.equal((await answer).json().code, 'SIDEKEEP_REFRESH_TIMED_OUT')
  open()
})

t.test(
  'what is no report is 400 with what is wrong and what to send, and quotes nothing of it',
  async (t) => {
    const world = await createWorld(t)
    for (const [body, what] of [
      ['', /empty/],
      ['{', /no JSON/],
      ['CANARY-raw', /no JSON/],
      [Buffer.from([0x22, 0xff, 0x22]).toString('latin1'), /no JSON/],
      ['"CANARY-text"', /no JSON object/],
      ['null', /no JSON object/],
      ['["CANARY-list"]', /no JSON object/],
      ['{}', /no member "version"/],
      ['{"Version":"CANARY-case"}', /no member "version"/],
      ['{"version":1}', /"version" is no text/],
      ['{"version":null}', /"version" is no text/],
      ['{"version":""}', /"version" is no text/],
      ['{"version":"1","password":"CANARY-more"}', /members beside/],
      ['{"__proto__":{"version":"1"}}', /no member "version"|members beside/],
    ] as const) {
      const { status, json, text } = await world.post(path, { headers: type, body })
      t.equal(status, 400, body)
      t.equal(json().code, 'SIDEKEEP_BAD_REQUEST', body)
      t.match(json().detail, what, body)
      t.match(json().detail, /Send \{"version": "…"\}/)
      t.notMatch(text, 'CANARY-')
    }
    t.equal((await world.post(`${path}?x=1`, { headers: type, body: '{"version":"1"}' })).status, 400)
  },
)

t.test('the body must say that it is JSON, and be small', async (t) => {
  const world = await createWorld(t)
  const body = '{"version":"1"}'
  for (const [headers, detail] of [
    [{}, /Content-Type is missing/],
    [{ 'Content-Type': 'text/plain' }, /of another type/],
    [{ 'Content-Type': 'application/jsonp' }, /of another type/],
    [{ 'Content-Type': '' }, /of another type/],
  ] as const) {
    const { status, json } = await world.post(path, { headers, body })
    t.equal(status, 400)
    t.match(json().detail, detail)
  }
  for (const value of ['Application/JSON', 'application/json; charset=utf-8', ' application/json ;x=y']) {
    t.equal((await world.post(path, { headers: { 'Content-Type': value }, body })).status, 200, value)
  }
  const large = await world.post(path, {
    headers: type,
    body: JSON.stringify({ version: 'x'.repeat(1_024) }),
  })
  t.equal(large.status, 413)
  t.equal(
    (await request(world.port, 'POST', path, { headers: type, body })).status,
    401,
    'the door comes first',
  )
})

t.test('a body in chunks is read in full', async (t) => {
  const world = await createWorld(t)
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'X-Sidekeep-Request: true',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
    'Connection: close',
  ]
  const answer = await raw(world.port, lines, '7\r\n{"versi\r\n8\r\non":"x"}\r\n0\r\n\r\n')
  t.match(answer, /^HTTP\/1\.1 200 .*"changed":true/s)
})

t.test('reports are limited like refreshes, and share their budget', async (t) => {
  const world = await createWorld(t, {
    deps: { refresher: refresherThat(async () => ({ outcome: 'held', version: '2', changed: true })) },
  })
  for (let count = 0; count < refreshesPerSecond.one; count += 1)
    t.equal((await reject(world, '1')).status, 200)
  const { status, json, headers } = await reject(world, '1')
  t.equal(status, 429)
  t.equal(json().code, 'SIDEKEEP_RATE_LIMITED')
  t.ok(headers['retry-after'])
})
