import t from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { AuditedWorld, AuditLine } from './support/audited-world.ts'
import { createAuditedWorld, forWeb, webToken } from './support/audited-world.ts'
import { raw, request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import { pause } from './support/world.ts'

const json = { 'Content-Type': 'application/json' }

/** What the audit has after one request more, and what else it has not. */
async function lineOf(audited: AuditedWorld, ask: () => Promise<unknown>): Promise<AuditLine> {
  const before = (await audited.lines(0)).length
  await ask()
  const lines = await audited.lines(before + 1)
  if (lines.length !== before + 1) throw new Error(`${lines.length - before} lines`)
  return lines[before] ?? {}
}

t.test('every kind of access is one line, with what was answered', async (t) => {
  const audited = await createAuditedWorld(t, {
    values: { 'db-password': 'CANARY-db-password-1' },
    rules: { missing: {}, 'web/*': { key: 'web/*' } },
  })
  const { world } = audited
  const { version } = world.cache.status('db-password') ?? {}
  const { etag = '' } = (await world.get('/v1/secrets/db-password')).headers
  const nothing = { version: null, state: null }
  const held = { name: 'db-password', version, state: 'fresh', status: 200, code: null }
  const notFound = { status: 404, code: 'SIDEKEEP_SECRET_NOT_FOUND' }
  t.match(await audited.lines(1), [
    { time: '2026-01-01T00:00:00.000Z', caller: null, listener: 'test', action: 'read', ...held },
  ])
  const conditional = { headers: { 'If-None-Match': String(etag) } }
  const cases: Array<[what: string, ask: () => Promise<unknown>, line: AuditLine]> = [
    ['raw', () => world.get('/v1/secrets/db-password?format=raw'), { action: 'read', ...held } as AuditLine],
    [
      'HEAD',
      () =>
        request(world.port, 'HEAD', '/v1/secrets/db-password', { headers: { 'X-Sidekeep-Request': 'true' } }),
      { action: 'read', ...held } as AuditLine,
    ],
    [
      '304',
      () => world.get('/v1/secrets/db-password', conditional),
      { action: 'read', ...held, status: 304 } as AuditLine,
    ],
    ['a wait', () => world.get('/v1/secrets/db-password?wait=30s'), { action: 'read', ...held } as AuditLine],
    [
      'a field',
      () => world.get('/v1/secrets/db-password?field=x'),
      { action: 'read', name: 'db-password', ...nothing, status: 404, code: 'SIDEKEEP_FIELD_NOT_FOUND' },
    ],
    [
      'a wrong parameter',
      () => world.get('/v1/secrets/db-password?x=1'),
      { action: 'read', name: 'db-password', ...nothing, status: 400, code: 'SIDEKEEP_BAD_REQUEST' },
    ],
    [
      'no such secret',
      () => world.get('/v1/secrets/nobody'),
      { action: 'read', name: 'nobody', ...nothing, ...notFound },
    ],
    [
      'missing at the provider',
      () => world.get('/v1/secrets/web%2Fone'),
      { action: 'read', name: 'web/one', ...nothing, ...notFound },
    ],
    [
      'the list',
      () => world.get('/v1/secrets'),
      { action: 'list', name: null, ...nothing, status: 200, code: null },
    ],
    ['explain', () => world.get('/v1/explain/db-password'), { action: 'explain', ...held } as AuditLine],
    [
      'explain of nothing',
      () => world.get('/v1/explain/nobody'),
      { action: 'explain', name: 'nobody', ...nothing, ...notFound },
    ],
    [
      'a rejected version',
      () => world.post('/v1/rejected/db-password', { headers: json, body: '{"version":"old"}' }),
      { action: 'rejected', ...held, state: null } as AuditLine,
    ],
    [
      'a rejected version of nothing',
      () => world.post('/v1/rejected/nobody', { headers: json, body: '{"version":"old"}' }),
      { action: 'rejected', name: 'nobody', ...nothing, ...notFound },
    ],
    [
      'a body of another type',
      () => world.post('/v1/rejected/db-password', { body: 'x' }),
      { action: 'rejected', name: 'db-password', ...nothing, status: 400, code: 'SIDEKEEP_BAD_REQUEST' },
    ],
    ['a refresh', () => world.post('/v1/refresh/db-password'), { action: 'refresh', ...held } as AuditLine],
    [
      'a refresh of everything',
      () => world.post('/v1/refresh'),
      { action: 'refresh', name: null, ...nothing, status: 200, code: null },
    ],
    [
      'a read with a refresh',
      () => world.get('/v1/secrets/db-password?refresh=true'),
      { action: 'read', ...held } as AuditLine,
    ],
    [
      'HEAD of the events',
      () => request(world.port, 'HEAD', '/v1/events', { headers: { 'X-Sidekeep-Request': 'true' } }),
      { action: 'watch', name: null, ...nothing, status: 200, code: null },
    ],
    [
      'an event stream',
      () => openEvents(t, world),
      { action: 'watch', name: null, ...nothing, status: 200, code: null },
    ],
  ]
  for (const [what, ask, line] of cases) {
    t.match(await lineOf(audited, ask), { caller: null, listener: 'test', ...line }, what)
  }
})

t.test('what fails on its way is a line with the code and with what is known', async (t) => {
  const audited = await createAuditedWorld(t, {
    rules: { 'db-password': { refreshMs: 10_000, maxStaleMs: 20_000 } },
  })
  const { world } = audited
  world.provider.failure = new ProviderError('unavailable', 'reset', 'down')
  await pause(world)
  const failed = await lineOf(audited, () => world.post('/v1/refresh/db-password'))
  t.match(failed, { action: 'refresh', status: 502, code: 'SIDEKEEP_REFRESH_FAILED', version: null })
  await world.clock.advance(15_000)
  t.match(await lineOf(audited, () => world.get('/v1/secrets/db-password')), { status: 200, state: 'stale' })
  await world.clock.advance(15_000)
  const expired = { status: 503, code: 'SIDEKEEP_SECRET_EXPIRED', state: 'expired', version: null }
  t.match(await lineOf(audited, () => world.get('/v1/secrets/db-password')), expired)
})

t.test('a secret that is not loaded is refused, and the line says why', async (t) => {
  const audited = await createAuditedWorld(t, { loaded: false })
  const { world } = audited
  const line = await lineOf(audited, () => world.get('/v1/secrets/db-password'))
  t.match(line, { status: 503, code: 'SIDEKEEP_SECRET_NOT_LOADED', state: 'not-loaded', version: null })
})

t.test('who is not let in, or may not, is recorded with what was asked for', async (t) => {
  const audited = await createAuditedWorld(t, {
    values: { 'db-password': 'CANARY-db-password-1', other: 'CANARY-other-1' },
    deps: { access: forWeb },
  })
  const { world } = audited
  const as = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })
  const web = as(webToken)
  /** The answer to who has no token, or a wrong one, may be held back. */
  const heldBack = async (answer: Promise<unknown>): Promise<void> => {
    let isThere = false
    const asked = answer.finally(() => {
      isThere = true
    })
    while (!isThere) await world.clock.advance(1_000)
    await asked
  }
  const cases: Array<[ask: () => Promise<unknown>, line: AuditLine]> = [
    [
      () => world.get('/v1/secrets/db-password', web),
      { action: 'read', name: 'db-password', caller: 'web', status: 200, code: null },
    ],
    [
      () => world.get('/v1/secrets/no-such', web),
      { action: 'read', name: 'no-such', caller: 'web', status: 404, code: 'SIDEKEEP_SECRET_NOT_FOUND' },
    ],
    [
      () => world.get('/v1/secrets/other', web),
      { action: 'read', name: 'other', caller: 'web', status: 403, code: 'SIDEKEEP_NOT_ALLOWED' },
    ],
    [
      () => world.get('/v1/secrets/nobody', web),
      { action: 'read', name: 'nobody', caller: 'web', status: 403, code: 'SIDEKEEP_NOT_ALLOWED' },
    ],
    [
      () => world.get('/v1/events', web),
      { action: 'watch', name: null, caller: 'web', status: 403, code: 'SIDEKEEP_NOT_ALLOWED' },
    ],
    [
      () => world.post('/v1/refresh/db-password', web),
      { action: 'refresh', name: 'db-password', caller: 'web', status: 403, code: 'SIDEKEEP_NOT_ALLOWED' },
    ],
    [
      () => heldBack(world.get('/v1/secrets/db-password')),
      { action: 'read', name: 'db-password', caller: null, status: 401, code: 'SIDEKEEP_TOKEN_REQUIRED' },
    ],
    [
      () => heldBack(world.get('/v1/secrets/db-password', as('CANARY-wrong-token'))),
      { action: 'read', name: 'db-password', caller: null, status: 401, code: 'SIDEKEEP_TOKEN_INVALID' },
    ],
    [
      () => heldBack(world.get('/v1/secrets')),
      { action: 'list', name: null, caller: null, status: 401, code: 'SIDEKEEP_TOKEN_REQUIRED' },
    ],
    [
      () => world.get('/v1/secrets/db-password', { headers: { 'X-Forwarded-For': '1.2.3.4' } }),
      { action: 'read', name: 'db-password', caller: null, status: 400, code: 'SIDEKEEP_FORWARDED_REQUEST' },
    ],
    [
      () => world.get('/v1/secrets/db-password', { headers: { Host: 'evil.example' } }),
      { action: 'read', name: 'db-password', caller: null, status: 421, code: 'SIDEKEEP_HOST_NOT_ALLOWED' },
    ],
  ]
  for (const [ask, line] of cases)
    t.match(await lineOf(audited, ask), { listener: 'test', ...line }, JSON.stringify(line))
})

t.test('an attempt at a secret that no route took is recorded by its path', async (t) => {
  const audited = await createAuditedWorld(t)
  const { world } = audited
  const headers = ['Host: localhost', 'X-Sidekeep-Request: true', 'Connection: close']
  const ask = (line: string) => () => raw(world.port, [line, ...headers])
  const long = 'x'.repeat(400)
  const cases: Array<[ask: () => Promise<unknown>, line: AuditLine]> = [
    [
      ask('DELETE /v1/secrets/db-password HTTP/1.1'),
      { action: 'read', name: 'db-password', status: 405, code: 'SIDEKEEP_METHOD_NOT_ALLOWED' },
    ],
    [
      ask('GET /v1/secrets/%zz HTTP/1.1'),
      { action: 'read', name: '%zz', status: 400, code: 'SIDEKEEP_BAD_REQUEST' },
    ],
    [
      ask('GET /v1/refresh/db%2Fpassword?x=CANARY-query HTTP/1.1'),
      { action: 'refresh', name: 'db/password', status: 405, code: 'SIDEKEEP_METHOD_NOT_ALLOWED' },
    ],
    [
      ask('PUT /v1/events HTTP/1.1'),
      { action: 'watch', name: null, status: 405, code: 'SIDEKEEP_METHOD_NOT_ALLOWED' },
    ],
    [
      ask('GET http://localhost/v1/secrets/%ff HTTP/1.1'),
      { action: 'read', name: '%ff', status: 400, code: 'SIDEKEEP_BAD_REQUEST' },
    ],
    [
      ask(`GET /v1/secrets/${long} HTTP/1.1`),
      { action: 'read', name: `${long.slice(0, 253)}…`, status: 404, code: 'SIDEKEEP_SECRET_NOT_FOUND' },
    ],
  ]
  for (const [request, line] of cases) t.match(await lineOf(audited, request), line, JSON.stringify(line))
})

t.test('what is about no secret is no line', async (t) => {
  const audited = await createAuditedWorld(t)
  const { world } = audited
  for (const path of [
    '/livez',
    '/readyz',
    '/readyz/listeners',
    '/healthz',
    '/metrics',
    '/openapi.json',
    '/nowhere',
    '/v2/secrets/x',
    '/v1/secretsx',
  ]) {
    await world.get(path)
  }
  const line = await lineOf(audited, () => world.get('/v1/secrets'))
  t.match(line, { action: 'list' }, 'the first')
  t.equal((await audited.lines(1)).length, 1)
})

t.test('whoever leaves while waiting is recorded as gone, without a version', async (t) => {
  const audited = await createAuditedWorld(t, { rules: { 'web/*': { key: 'web/*' } } })
  const { world } = audited
  world.provider.values.set('web/one', 'CANARY-web-one-1')
  const open = world.provider.hold()
  const asked = world.get('/v1/secrets/web/one', { headers: { Connection: 'close' } }).catch(() => 'gone')
  while (world.provider.calls < 2) await new Promise(setImmediate)
  world.api.server.closeAllConnections()
  t.equal(await asked, 'gone')
  t.match(await lineOf(audited, async () => open()), { action: 'read', name: 'web/one', status: 499 })
})

t.test('the audit can be turned off and on while it runs', async (t) => {
  const audited = await createAuditedWorld(t)
  const { world, trail, path } = audited
  await world.get('/v1/secrets/db-password')
  await audited.lines(1)
  ;(await trail.prepare(undefined)).commit()
  t.notOk(trail.isOn)
  await world.get('/v1/secrets/db-password?format=raw')
  ;(await trail.prepare({ file: path, stdout: false, onFailure: 'serve' })).commit()
  t.match(await lineOf(audited, () => world.get('/v1/secrets')), { action: 'list' })
  t.equal((await audited.lines(2)).length, 2)
})
