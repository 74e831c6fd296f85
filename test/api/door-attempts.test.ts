import type { Test } from 'tap'
import t from 'tap'
import { refusedReasons } from '../../src/observability/refusal-cells.ts'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import { canaryGuard } from '../support/canary.ts'

import { head, raw, request } from './support/client.ts'
import { answered } from './support/held-back.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'
const right = { Authorization: `Bearer ${tokenOf('web')}` }

async function tokenWorld(t: Test): Promise<World> {
  const web = { tokens: [tokenOf('web')], allow: ['db-*'], rights: ['read', 'list'], limit: 5 } as const
  const { callers } = await callersRig(t, accessConfig({ web }))
  return await createWorld(t, { deps: { access: callers } })
}

async function refused(world: World): Promise<Record<string, number>> {
  const { text } = await request(world.opsPort, 'GET', '/metrics')
  const samples = text.matchAll(/^sidekeep_api_refused_total\{reason="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...samples].map(([, reason = '', count]) => [reason, Number(count)]))
}

t.test('every reason is shown as 0 before it happens, and counted when it does', async (t) => {
  const world = await tokenWorld(t)
  t.strictSame(await refused(world), Object.fromEntries(refusedReasons.map((reason) => [reason, 0])))
  const get = (at: string, headers: Record<string, string>) =>
    answered(world, () => request(world.port, 'GET', at, { headers }))
  await get(path, { ...right, 'X-Forwarded-For': '1.2.3.4' })
  await get(path, { ...right, Host: 'evil.example' })
  await get(path, { ...right, Origin: 'null' })
  await get(path, {})
  await get('/nope', { 'X-Sidekeep-Token': 'CANARY-wrong-1' })
  await get('/v1/secrets/other', right)
  await get('/v1/events', right)
  await get(`${path}?refresh=true`, right)
  for (let time = 0; time < 6; time += 1) await get(path, right)
  t.strictSame(await refused(world), {
    forwarded: 1,
    host: 1,
    cross_site: 1,
    header_required: 0,
    token_required: 1,
    token_invalid: 1,
    not_allowed: 3,
    rate_limited: 2,
  })
  const open = await createWorld(t)
  await request(open.port, 'GET', path)
  t.equal((await refused(open)).header_required, 1)
})

t.test('of each reason one line is logged in 10 s, with how many were held back', async (t) => {
  const guard = canaryGuard(t)
  const world = await tokenWorld(t)
  const fail = () =>
    answered(
      world,
      () => request(world.port, 'GET', path, { headers: { 'X-Sidekeep-Token': 'CANARY-wrong-1' } }),
      100,
    )
  for (let time = 0; time < 5; time += 1) await fail()
  await request(world.port, 'GET', '/v1/secrets/other', { headers: right })
  const about = { listener: '127.0.0.1:7575', reason: 'token_invalid' }
  t.strictSame(world.warnings, [
    { details: about, message: 'a request was refused' },
    { details: { ...about, reason: 'not_allowed', caller: 'web' }, message: 'a request was refused' },
  ])
  await world.clock.advance(10_000)
  t.strictSame(world.warnings.slice(2), [
    { details: { ...about, requests: 4 }, message: 'further requests were refused' },
  ])
  await fail()
  await fail()
  t.equal(world.warnings.length, 3)
  await world.clock.advance(10_000)
  t.strictSame(world.warnings.slice(3), [
    { details: { ...about, requests: 2 }, message: 'further requests were refused' },
  ])
  await world.clock.advance(20_000)
  await fail()
  t.strictSame(world.warnings.slice(4), [{ details: about, message: 'a request was refused' }])
  guard.noLeak('the log', world.warnings)
})

t.test('what was held back is told when the listener closes', async (t) => {
  const world = await createWorld(t)
  for (let time = 0; time < 3; time += 1) await request(world.port, 'GET', path)
  const timers = world.clock.pending
  await world.api.close()
  t.strictSame(world.warnings.at(-1), {
    details: { listener: 'test', reason: 'header_required', requests: 2 },
    message: 'further requests were refused',
  })
  t.equal(world.clock.pending, timers - 1)
})

t.test('nothing that a request carries is logged, whatever it is refused for', async (t) => {
  const guard = canaryGuard(t)
  const world = await tokenWorld(t)
  const line = `GET ${path}?x=CANARY-query-1 HTTP/1.1`
  for (const headers of [
    ['Host: CANARY-host-1.example'],
    ['Host: localhost', 'Via: CANARY-via-1'],
    ['Host: localhost', 'Origin: http://CANARY-origin-1'],
    ['Host: localhost', 'Sec-Fetch-Site: CANARY-site-1'],
    ['Host: localhost', 'Authorization: Bearer CANARY-token-1'],
    ['Host: localhost', 'Authorization: Basic CANARY-basic-1'],
  ]) {
    const answer = await answered(world, () => raw(world.port, head(line, ...headers)), 100)
    t.match(answer, /^HTTP\/1\.1 4\d\d /)
    guard.noLeak('the answer', answer)
  }
  t.equal(world.warnings.length, 5)
  guard.noLeak('the log', [world.warnings, world.errors, world.debug])
  guard.noLeak('the metrics', (await request(world.opsPort, 'GET', '/metrics')).text)
})
