import t from 'tap'
import { callerWith } from '../../src/access/settings.ts'
import { canaryGuard } from '../support/canary.ts'
import { request } from './support/client.ts'
import { as, heldBack, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const values = {
  'db-password': 'CANARY-db-password-1',
  'web/cookie': 'CANARY-web-cookie-1',
  'web/key': 'CANARY-web-key-1',
  'worker/key': 'CANARY-worker-key-1',
}

/** `web` may know of some, `all` of all. */
function guarded(t: Parameters<typeof createWorld>[0]): Promise<World> {
  const access = new KnownCallers({ web: { allow: ['web/*', 'db-password'] }, all: {} })
  return createWorld(t, { values, rules: { 'worker/*': { key: 'worker/*' } }, deps: { access } })
}

const json = { 'Content-Type': 'application/json' }
const body = '{"version":"1"}'

/** Every way to ask for one secret. */
const ways: readonly (readonly [method: string, path: (name: string) => string])[] = [
  ['GET', (name) => `/v1/secrets/${name}`],
  ['HEAD', (name) => `/v1/secrets/${name}`],
  ['GET', (name) => `/v1/secrets/${name}?refresh=true`],
  ['GET', (name) => `/v1/secrets/${name}?wait=30s`],
  ['GET', (name) => `/v1/secrets/${name}?field=x`],
  ['GET', (name) => `/v1/explain/${name}`],
  ['POST', (name) => `/v1/refresh/${name}`],
  ['POST', (name) => `/v1/rejected/${name}`],
]

function ask({ port }: World, method: string, path: string, caller: string) {
  const reported = path.startsWith('/v1/rejected')
  return request(port, method, path, {
    headers: { ...as(caller), ...(reported ? json : {}) },
    ...(reported ? { body } : {}),
  })
}

t.test('a name outside the list is 403, the same whether there is such a secret or not', async (t) => {
  const guard = canaryGuard(t)
  const world = await guarded(t)
  const { calls } = world.provider
  for (const [method, path] of ways) {
    const seen = new Set<string>()
    // Declared, held by a pattern, only covered by a pattern, and named by no rule.
    for (const name of ['worker/key', 'worker/nope', 'other/key', 'web-key', 'WEB/key', 'DB-PASSWORD']) {
      const { status, text, headers } = await ask(world, method, path(name), 'web')
      t.equal(status, 403, `${method} ${path(name)}`)
      guard.noLeak(path(name), `${text} ${JSON.stringify(headers)}`)
      const { date: _, 'content-length': length, ...rest } = headers
      seen.add(JSON.stringify([text.replaceAll(name, 'NAME'), rest, Number(length) - name.length]))
      if (method !== 'HEAD') {
        t.match(text, '"code":"SIDEKEEP_NOT_ALLOWED"')
        t.match(text, `The caller \\"web\\" may not ask for \\"${name}\\"`)
        t.match(text, 'callers.web.allow of the listener test')
      }
    }
    t.equal(seen.size, 1, `${method} ${path('NAME')} answers one and the same`)
  }
  t.equal(world.provider.calls, calls, 'no backend is asked')
  t.notOk(world.cache.status('worker/nope'))
})

t.test('what is outside the list is not even looked up', async (t) => {
  const looked: string[] = []
  const lookUp = (name: string): void => {
    looked.push(name)
  }
  const access = new KnownCallers({ web: { allow: ['web/*'] } })
  const world = await createWorld(t, {
    values,
    deps: {
      access,
      cache: {
        read(name) {
          lookUp(name)
          return { kind: 'not-found' }
        },
        status(name) {
          lookUp(name)
          return undefined
        },
        statuses: () => [],
      },
      refresher: {
        async demand(name) {
          lookUp(name)
          return { kind: 'not-found' }
        },
        async refresh(name) {
          lookUp(name)
          return { outcome: 'not-found' }
        },
        refreshAll: async () => [],
        async rejected(name) {
          lookUp(name)
          return { outcome: 'not-found' }
        },
        explain(name) {
          lookUp(name)
          return undefined
        },
      },
    },
  })
  for (const [method, path] of ways) await ask(world, method, path('worker/key'), 'web')
  t.strictSame(looked, [])
  for (const [method, path] of ways) await ask(world, method, path('web/key'), 'web')
  t.strictSame([...new Set(looked)], ['web/key'], 'as what is on it is')
})

t.test('what is on the list is answered as to anybody', async (t) => {
  const world = await guarded(t)
  for (const name of ['web/key', 'db-password']) {
    for (const [method, path] of ways) {
      await pause(world)
      const { status } = await ask(world, method, path(name), 'web')
      const expected = path(name).includes('field=') ? 404 : 200
      t.equal(status, expected, `${method} ${path(name)}`)
    }
  }
  const { status, text } = await ask(world, 'GET', '/v1/secrets/web/nope', 'web')
  t.equal(status, 404)
  t.match(text, 'SIDEKEEP_SECRET_NOT_FOUND')
  t.equal((await ask(world, 'GET', '/v1/secrets/web%2Fkey', 'web')).json().value, 'CANARY-web-key-1')
  t.equal((await ask(world, 'GET', '/v1/secrets/worker%2Fkey', 'web')).status, 403)
})

t.test('the list names only what the caller may know of', async (t) => {
  const world = await guarded(t)
  const named = async (caller: string, query = ''): Promise<unknown[]> => {
    const { secrets } = (await ask(world, 'GET', `/v1/secrets${query}`, caller)).json()
    return Array.isArray(secrets) ? secrets.map(({ name }: { name: string }) => name) : []
  }
  t.strictSame(await named('web'), ['db-password', 'web/cookie', 'web/key'])
  t.strictSame(await named('all'), Object.keys(values))
  t.strictSame(await named('web', '?prefix=web'), ['web/cookie', 'web/key'])
  t.strictSame(await named('web', '?prefix=work'), [])
})

t.test('a refresh of everything is one of what the caller may know of', async (t) => {
  const world = await guarded(t)
  await pause(world)
  const { fetch } = world.provider
  const fetched: string[] = []
  world.provider.fetch = (keys) => {
    fetched.push(...keys)
    return fetch.call(world.provider, keys)
  }
  world.provider.values.set('web/key', 'CANARY-web-key-2')
  world.provider.values.set('worker/key', 'CANARY-worker-key-2')
  const { status, text, json: answered } = await ask(world, 'POST', '/v1/refresh', 'web')
  t.equal(status, 200)
  t.match(answered(), {
    secrets: [
      { name: 'db-password', outcome: 'unchanged' },
      { name: 'web/cookie', outcome: 'unchanged' },
      { name: 'web/key', outcome: 'rotated' },
    ],
  })
  t.notMatch(text, 'worker')
  t.strictSame(fetched.sort(), ['db-password', 'web/cookie', 'web/key'])
  await pause(world)
  t.match((await ask(world, 'POST', '/v1/refresh', 'all')).text, '"worker/key"')
})

t.test('metrics name all secrets, so they are for who may know of all', async (t) => {
  const access = new KnownCallers({
    web: { allow: ['web/*'] },
    all: {},
    starred: { allow: ['db-*', '*'] },
    reader: { rights: ['read', 'watch'] },
  })
  const world = await createWorld(t, { values, deps: { access } })
  for (const caller of ['web', 'reader']) {
    const { status, text } = await ask(world, 'GET', '/metrics', caller)
    t.equal(status, 403, caller)
    t.notMatch(text, 'worker')
  }
  for (const caller of ['all', 'starred']) {
    const { status, text } = await ask(world, 'GET', '/metrics', caller)
    t.equal(status, 200, caller)
    t.match(text, 'secret="worker/key"')
  }
  t.equal((await request(world.opsPort, 'GET', '/metrics')).status, 200, 'ops is as it was')
})

t.test('whoever is let in may read the document, and anybody may probe', async (t) => {
  const access = new KnownCallers({ web: { allow: ['web/*'], rights: ['read'] } })
  const world = await createWorld(t, { values, deps: { access } })
  t.equal((await ask(world, 'GET', '/openapi.json', 'web')).status, 200)
  t.equal((await heldBack(world, request(world.port, 'GET', '/openapi.json'))).status, 401)
  for (const path of ['/livez', '/readyz', '/startupz', '/healthz']) {
    t.equal((await request(world.port, 'GET', path)).status, 200, path)
  }
})

t.test('a listener without callers has its own list and rights, and refusals name its options', async (t) => {
  const listener = 'unix:/run/sidekeep/worker.sock'
  const anyone = callerWith(undefined, listener, {
    rights: ['read', 'list'],
    allow: ['worker/*'],
    limit: undefined,
  })
  const access = { wants: 'header', identify: () => undefined, anyone } as const
  const world = await createWorld(t, { values, deps: { access } })
  t.equal((await world.get('/v1/secrets/worker/key')).json().value, 'CANARY-worker-key-1')
  t.match((await world.get('/v1/secrets')).json(), { secrets: [{ name: 'worker/key' }] })
  const outside = await world.get('/v1/secrets/web/key')
  t.match(outside.json(), {
    status: 403,
    code: 'SIDEKEEP_NOT_ALLOWED',
    detail: `Whoever asks here may not ask for "web/key", whether or not there is such a secret. The option is allow of the listener ${listener}.`,
  })
  const refused = await world.post('/v1/refresh/worker/key')
  t.match(refused.json(), {
    status: 403,
    detail: `Whoever asks here may not do this: the right "refresh" is missing. The option is rights of the listener ${listener}.`,
  })
  t.equal(
    (await request(world.port, 'GET', '/v1/secrets/web/key')).status,
    401,
    'without the header that comes first',
  )
})
