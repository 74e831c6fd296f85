import { once } from 'node:events'
import http from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import { Caller } from '../../src/access/caller.ts'
import { canaryGuard } from '../support/canary.ts'
import type { HttpAnswer } from '../support/http-answer.ts'
import { readAnswer } from '../support/http-answer.ts'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const path = '/v1/secrets/db-password'

function get(world: World, at: string, caller: string, headers: Record<string, string> = {}) {
  return request(world.port, 'GET', at, { headers: { ...as(caller), ...headers } })
}

/** So many requests that wait, once the sidecar knows of them. */
async function waiting(world: World, count: number, caller: string): Promise<Promise<HttpAnswer>[]> {
  const tag = (await get(world, path, caller)).headers.etag ?? ''
  const wanted = world.metrics.changes.waiting + count
  const answers = Array.from({ length: count }, () =>
    get(world, `${path}?wait=60s`, caller, { 'If-None-Match': tag }),
  )
  while (world.metrics.changes.waiting < wanted) await settle()
  return answers
}

function isInvalid(t: Test, { status, json, headers }: HttpAnswer, what: string): void {
  t.equal(status, 401, what)
  t.equal(json().code, 'SIDEKEEP_TOKEN_INVALID', what)
  t.match(headers['www-authenticate'], /^Bearer realm="sidekeep", error="invalid_token"/, what)
}

t.test('whoever waits with a token that is voided is answered 401 at once, the others wait on', async (t) => {
  const access = new KnownCallers({ web: {}, other: {} })
  const world = await createWorld(t, { deps: { access }, config: { maxConnections: 400 } })
  const timers = world.clock.pending
  const mine = await waiting(world, 150, 'web')
  const others = await waiting(world, 2, 'other')
  access.void('web')
  for (const answer of mine) isInvalid(t, await answer, 'a wait')
  t.equal(world.metrics.changes.waiting, 2)
  t.equal(world.clock.pending, timers + 2, 'nothing is left of them')
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  await world.refresher.refresh('db-password')
  for (const answer of others) t.equal((await answer).json().value, 'CANARY-db-password-2')
})

t.test('a change and the end of the caller in one turn bring no value', async (t) => {
  const guard = canaryGuard(t)
  const access = new KnownCallers({ web: {} })
  const world = await createWorld(t, { deps: { access } })
  const mine = await waiting(world, 20, 'web')
  world.provider.values.set('db-password', 'CANARY-db-password-2')
  await pause(world)
  const refreshed = world.refresher.refresh('db-password')
  const unwatch = world.feed.watch('db-password', () => access.void('web'))
  await refreshed
  unwatch()
  for (const answer of mine) {
    const { status, text } = await answer
    t.equal(status, 401)
    guard.noLeak('an answer to who is let in no longer', text)
  }
})

t.test('a first fetch that a caller waited for is not for it when it is over meanwhile', async (t) => {
  const access = new KnownCallers({ web: {}, other: {} })
  const world = await createWorld(t, { values: {}, rules: { 'shared/*': { key: '*' } }, deps: { access } })
  world.provider.values.set('key', 'CANARY-key-1')
  const open = world.provider.hold()
  const asked = ['', '?wait=30s', '?refresh=true'].map((query) =>
    get(world, `/v1/secrets/shared/key${query}`, 'web'),
  )
  while (world.provider.calls === 0) await settle()
  const other = get(world, '/v1/secrets/shared/key', 'other')
  while (world.refresher.explain('shared/key')?.callersWaiting !== 3) await settle()
  access.void('web')
  open()
  for (const answer of asked) isInvalid(t, await answer, 'a first fetch')
  t.equal((await other).json().value, 'CANARY-key-1', 'the fetch went on for the others')
})

t.test('a refresh that a caller waited for says nothing when it is over meanwhile', async (t) => {
  const access = new KnownCallers({})
  const world = await createWorld(t, { deps: { access } })
  const asks: readonly (readonly [string, string, string | undefined])[] = [
    ['GET', `${path}?refresh=true`, undefined],
    ['POST', '/v1/refresh/db-password', undefined],
    ['POST', '/v1/refresh', undefined],
    [
      'POST',
      '/v1/rejected/db-password',
      JSON.stringify({ version: world.cache.status('db-password')?.version }),
    ],
  ]
  for (const [method, at, body] of asks) {
    access.let('web', {})
    await world.clock.advance(60_000)
    const { calls } = world.provider
    const open = world.provider.hold()
    const answer = request(world.port, method, at, {
      headers: { ...as('web'), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
    })
    while (world.provider.calls === calls) await settle()
    access.void('web')
    open()
    isInvalid(t, await answer, `${method} ${at}`)
  }
})

t.test('a report whose body comes when its caller is over reports nothing', async (t) => {
  const access = new KnownCallers({ web: {} })
  const world = await createWorld(t, { deps: { access } })
  await world.clock.advance(60_000)
  const { calls } = world.provider
  const call = http.request({
    host: '127.0.0.1',
    port: world.port,
    method: 'POST',
    path: '/v1/rejected/db-password',
    headers: { ...as('web'), 'Content-Type': 'application/json' },
    agent: false,
  })
  t.teardown(() => call.destroy())
  const arrived = once(world.api.server, 'request')
  const answered = once(call, 'response')
  call.write('{"version":')
  await arrived
  await settle()
  access.void('web')
  call.end(`"${world.cache.status('db-password')?.version}"}`)
  const [response] = await answered
  isInvalid(t, await readAnswer(response), 'a report')
  t.equal(world.provider.calls, calls)
})

t.test('where nobody is told apart, who waits hears that something has changed', async (t) => {
  const options = { name: undefined, listener: 'test', allows: undefined, limit: undefined } as const
  const before = new Caller({ ...options, rights: ['read', 'watch'] })
  let anyone = before
  const world = await createWorld(t, {
    deps: {
      access: {
        wants: 'header',
        identify: () => undefined,
        get anyone() {
          return anyone
        },
      },
    },
  })
  const tag = (await world.get(path)).headers.etag ?? ''
  const answer = world.get(`${path}?wait=60s`, { headers: { 'If-None-Match': tag } })
  while (world.metrics.changes.waiting === 0) await settle()
  anyone = new Caller({ ...options, rights: ['read'] })
  before.end()
  const { status, json } = await answer
  t.equal(status, 403)
  t.match(json(), { code: 'SIDEKEEP_NOT_ALLOWED', detail: /Ask again/ })
})
