import t from 'tap'
import { parseQuery } from '../../src/api/query.ts'
import { createWorld } from './support/world.ts'

t.test('a query that the route does not take is 400 and names the parameter', async (t) => {
  const world = await createWorld(t)
  for (const [path, named] of [
    ['/v1/secrets/db-password?fromat=raw', 'fromat'],
    ['/v1/secrets/db-password?format=xml', 'format'],
    ['/v1/secrets/db-password?format=raw&format=json', 'format'],
    ['/v1/secrets/db-password?refresh=maybe', 'refresh'],
    [`/v1/secrets/db-password?field=${'x'.repeat(1_025)}`, 'field'],
    ['/v1/secrets/db-password?__proto__=1', '__proto__'],
    ['/v1/secrets/db-password?constructor=1', 'constructor'],
    ['/v1/secrets?name=x', 'name'],
    ['/metrics?x=1', 'x'],
    ['/openapi.json?x', 'x'],
    ['/readyz?verbos', 'verbos'],
  ] as const) {
    const { status, json } = await world.get(path)
    t.equal(status, 400, path)
    t.equal(json().code, 'SIDEKEEP_BAD_REQUEST', path)
    t.match(json().detail, `"${named}"`, path)
  }
  t.equal((await world.post('/v1/refresh?x=1')).status, 400)
  t.equal((await world.post('/v1/refresh/db-password?x=1')).status, 400)
})

t.test('values are read by their type', async (t) => {
  const parameters = {
    flag: { type: 'boolean', description: '' },
    word: { type: 'string', enum: ['a', 'b'], description: '' },
    many: { type: 'array', items: { type: 'string' }, description: '' },
  } as const
  t.strictSame(parseQuery(parameters, { flag: '', word: 'a', many: 'x' }), {
    flag: true,
    word: 'a',
    many: ['x'],
  })
  t.strictSame(parseQuery(parameters, { flag: '1', many: ['x', 'y'] }), { flag: true, many: ['x', 'y'] })
  t.strictSame(parseQuery(parameters, { flag: '0' }), { flag: false })
  t.strictSame(parseQuery(parameters, {}), {})
})
