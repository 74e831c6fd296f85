/** `POST /quitquitquit`: who may end the sidecar. */
import t from 'tap'
import { mainAccess } from '../../src/access/settings.ts'
import { outcomes, requestText } from '../support/raw-http.ts'
import { settle } from '../support/virtual-clock.ts'
import { createAuditedWorld } from './support/audited-world.ts'
import { request } from './support/client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import { createWorld } from './support/world.ts'

const path = '/quitquitquit'
const callers = () => new KnownCallers({ job: { rights: ['control'] }, web: {} })

/** As bytes: every client would tidy the path up first. */
function raw(method: string, target: string): string {
  const token = Object.entries(as('job')).map(([name, value]) => `${name}: ${value}`)
  return requestText([`${method} ${target} HTTP/1.1`, 'Host: localhost', ...token, 'Connection: close'])
}

t.test('a caller with the right asks for the end, and may ask again', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() } })
  for (let n = 1; n <= 2; n++) {
    const answer = await request(world.port, 'POST', path, { headers: as('job'), body: 'whatever' })
    t.equal(answer.status, 202)
    t.strictSame(answer.json(), { stopping: true })
    t.match(answer.headers, { 'content-type': 'application/json; charset=utf-8' })
    t.equal(world.quits.count, n)
  }
  const { text } = await request(world.opsPort, 'GET', '/metrics')
  t.match(text, 'sidekeep_api_requests_total{route="/quitquitquit",method="POST",status="202"} 2')
})

t.test('nobody else does', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() } })
  const rows: [string, Promise<{ status: number }>, number][] = [
    ['without the right', request(world.port, 'POST', path, { headers: as('web') }), 403],
    ['with a query', request(world.port, 'POST', `${path}?now=1`, { headers: as('job') }), 400],
    ['with GET', request(world.port, 'GET', path, { headers: as('job') }), 405],
    ['with HEAD', request(world.port, 'HEAD', path, { headers: as('job') }), 405],
    [
      'by another host name',
      request(world.port, 'POST', path, { headers: { ...as('job'), Host: 'evil.example' } }),
      421,
    ],
    [
      'through a proxy',
      request(world.port, 'POST', path, { headers: { ...as('job'), 'X-Forwarded-For': '10.0.0.1' } }),
      400,
    ],
    [
      'from a web page',
      request(world.port, 'POST', path, { headers: { ...as('job'), Origin: 'https://evil.example' } }),
      403,
    ],
    ['on ops', request(world.opsPort, 'POST', path, { headers: as('job') }), 404],
  ]
  for (const [how, asked, status] of rows) t.equal((await asked).status, status, how)
  t.equal(world.quits.count, 0)
})

t.test('a form of a browser does not, and neither does whoever sends no header', async (t) => {
  const world = await createWorld(t)
  const form = await request(world.port, 'POST', path, {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'a=b',
  })
  t.equal(form.status, 401)
  t.match(form.json(), { code: 'SIDEKEEP_HEADER_REQUIRED' })
  t.equal(world.quits.count, 0)
})

t.test('without callers whoever can connect may have secrets, and not the end', async (t) => {
  const world = await createWorld(t)
  const answer = await world.post(path)
  t.equal(answer.status, 403)
  t.match(answer.json(), { detail: /the right "control" is missing/ })
  t.equal(world.quits.count, 0)
  const { anyone } = mainAccess({ callers: undefined, access: 'open', limit: undefined } as never)
  t.notOk(anyone.rights.includes('control'), 'nor does the real configuration give it')
})

t.test('each attempt is in the audit, also with another method', async (t) => {
  const audited = await createAuditedWorld(t)
  await audited.world.post(path)
  await audited.world.get(path)
  const lines = await audited.lines(2)
  t.match(lines, [
    { action: 'quit', name: null, status: 403, code: 'SIDEKEEP_NOT_ALLOWED' },
    { action: 'quit', name: null, status: 405, code: 'SIDEKEEP_METHOD_NOT_ALLOWED' },
  ])
})

t.test('a spelling of the path is taken as those of all other routes are', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() } })
  const spellings: [string, (path: string) => string, string, string][] = [
    ['escaped', (path) => path.replace('i', '%69'), '202', '200'],
    ['absolute', (path) => `http://localhost${path}`, '202', '200'],
    ['with a slash behind it', (path) => `${path}/`, '404', '404'],
    ['with two before it', (path) => `/${path}`, '404', '404'],
    ['with two behind it', (path) => `${path}//`, '404', '404'],
    ['with an escaped slash', (path) => `${path}%2F`, '404', '404'],
    ['in capitals', (path) => path.toUpperCase(), '404', '404'],
    ['by a detour', (path) => `/v1/..${path}`, '404', '404'],
    ['with a parameter', (path) => `${path};a=b`, '404', '404'],
    ['with a broken escape', (path) => `${path}%zz`, '400', '400'],
  ]
  for (const [how, spell, ending, probe] of spellings) {
    const before = world.quits.count
    const [quit] = await outcomes(world.port, raw('POST', spell(path)))
    const [live] = await outcomes(world.port, raw('GET', spell('/livez')))
    t.equal(quit?.slice(0, 3), ending, how)
    t.equal(live?.slice(0, 3), probe, `/livez ${how}`)
    t.equal(world.quits.count - before, ending === '202' ? 1 : 0, how)
  }
})

t.test('an attempt is in the audit however the path is spelled, with whatever method', async (t) => {
  const { world, lines } = await createAuditedWorld(t, { deps: { access: callers() } })
  const spellings = [
    `${path}/`,
    `/${path}`,
    `//${path}//`,
    '/%71uit%71uitquit',
    `${path}%2f`,
    `/%2F${path.slice(1)}?now`,
    path.toUpperCase(),
    `http://localhost/${path}`,
  ]
  const methods = ['POST', 'GET', 'DELETE']
  let asked = 0
  for (const method of methods) {
    for (const spelling of spellings) {
      await outcomes(world.port, raw(method, spelling))
      asked += 1
      t.match((await lines(asked)).at(-1), { action: 'quit', name: null }, `${method} ${spelling}`)
    }
  }
  for (const other of [
    '/quit',
    `${path}x`,
    `${path}/x`,
    '/v1/constructor/x',
    `/v1${path}`,
    '/livez?a=/quitquitquit',
  ]) {
    await outcomes(world.port, raw('POST', other))
  }
  await outcomes(world.port, raw('DELETE', '/v1//%73ecrets/db%2Fpass%2Fword'))
  t.match((await lines(asked + 1)).at(-1), { action: 'read', name: 'db/pass/word', status: 405 })
  t.equal((await lines(asked + 1)).length, asked + 1, 'and nothing else')
})

t.test(
  'where an access must be recorded the end begins once it is, and not where it cannot be',
  async (t) => {
    const { world, trail, disk, lines } = await createAuditedWorld(t, {
      onFailure: 'refuse',
      deps: { access: callers() },
    })
    const ask = () => request(world.port, 'POST', path, { headers: as('job') })
    const { promise: recording, resolve } = Promise.withResolvers<void>()
    const record = trail.record.bind(trail)
    t.intercept(trail, 'record', {
      value: (...access: Parameters<typeof record>) => {
        resolve()
        return record(...access)
      },
    })
    const letWrite = disk.hold()
    const answer = ask()
    await recording
    await settle()
    t.equal(world.quits.count, 0, 'not before its line is written')
    letWrite()
    t.equal((await answer).status, 202)
    t.equal(world.quits.count, 1)
    t.match(await lines(1), [{ caller: 'job', action: 'quit', status: 202 }])

    disk.room = 0
    const refused = await ask()
    t.equal(refused.status, 503)
    t.match(refused.json(), { code: 'SIDEKEEP_AUDIT_FAILED' })
    t.equal(world.quits.count, 1, 'nobody ends it without a trace')
  },
)
