import t from 'tap'
import type { Right } from '../../src/access/caller.ts'
import { request } from './support/client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const rights: readonly Right[] = ['read', 'list', 'refresh', 'watch', 'control']
const path = '/v1/secrets/db-password'

/** What each request takes. */
const wanted: readonly (readonly [method: string, path: string, rights: readonly Right[]])[] = [
  ['GET', path, ['read']],
  ['HEAD', path, ['read']],
  ['GET', `${path}?refresh=true`, ['read', 'refresh']],
  ['GET', `${path}?wait=30s`, ['read', 'watch']],
  ['GET', '/v1/secrets', ['list']],
  ['GET', '/v1/explain/db-password', ['list']],
  ['GET', '/metrics', ['list']],
  ['POST', '/v1/refresh', ['refresh']],
  ['POST', '/v1/refresh/db-password', ['refresh']],
  ['POST', '/v1/rejected/db-password', ['refresh']],
  ['HEAD', '/v1/events', ['watch']],
  ['GET', '/openapi.json', []],
  ['POST', '/quitquitquit', ['control']],
]

function ask(world: World, method: string, at: string, caller: string) {
  const report = at.startsWith('/v1/rejected')
  return request(world.port, method, at, {
    headers: { ...as(caller), ...(report ? { 'Content-Type': 'application/json' } : {}) },
    ...(report ? { body: '{"version":"1"}' } : {}),
  })
}

t.test('each request takes its rights, and no other', async (t) => {
  const access = new KnownCallers({})
  const world = await createWorld(t, { deps: { access } })
  for (const [method, at, needs] of wanted) {
    access.let('just', { rights: needs.length === 0 ? ['read'] : needs })
    await pause(world)
    const done = at === '/quitquitquit' ? 202 : 200
    t.equal((await ask(world, method, at, 'just')).status, done, `${method} ${at} with ${needs.join(', ')}`)
    for (const missing of needs) {
      access.let('less', { rights: rights.filter((right) => right !== missing) })
      const { calls } = world.provider
      const { status, text } = await ask(world, method, at, 'less')
      t.equal(status, 403, `${method} ${at} without ${missing}`)
      t.equal(world.provider.calls, calls)
      if (method === 'HEAD') continue
      t.match(JSON.parse(text), {
        code: 'SIDEKEEP_NOT_ALLOWED',
        detail: `The caller "less" may not do this: the right "${missing}" is missing. The option is callers.less.rights of the listener test.`,
      })
    }
  }
})

t.test('a missing right is the answer whatever the name', async (t) => {
  const access = new KnownCallers({ lister: { rights: ['list'] } })
  const world = await createWorld(t, { deps: { access } })
  const answers = new Set<string>()
  for (const name of ['db-password', 'nope', 'a/b/c']) {
    for (const query of ['', '?refresh=true', '?wait=1s']) {
      answers.add((await ask(world, 'GET', `/v1/secrets/${name}${query}`, 'lister')).text)
    }
  }
  t.equal(answers.size, 1)
})

t.test('the preference of whoever may not wait is passed over', async (t) => {
  const access = new KnownCallers({ reader: { rights: ['read'] } })
  const world = await createWorld(t, { deps: { access } })
  const tag = (await ask(world, 'GET', path, 'reader')).headers.etag ?? ''
  const { status, headers } = await request(world.port, 'GET', path, {
    headers: { ...as('reader'), 'If-None-Match': tag, Prefer: 'wait=30' },
  })
  t.equal(status, 304, 'at once')
  t.equal(headers['preference-applied'], undefined)
  t.equal(world.metrics.changes.waiting, 0)
})

t.test('whose token is voided while the metrics are being made is not told them', async (t) => {
  const access = new KnownCallers({ web: {} })
  const world = await createWorld(t, { deps: { access } })
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: made, resolve: make } = Promise.withResolvers<void>()
  const render = world.metrics.render.bind(world.metrics)
  world.metrics.render = async () => {
    begin()
    await made
    return await render()
  }
  const answer = request(world.port, 'GET', '/metrics', { headers: as('web') })
  await begun
  access.void('web')
  make()
  t.match((await answer).json(), { status: 401, code: 'SIDEKEEP_TOKEN_INVALID' })
})
