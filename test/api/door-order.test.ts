import t from 'tap'
import { Callers } from '../../src/access/callers.ts'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import fc from '../support/property.ts'
import { settle } from '../support/virtual-clock.ts'
import { raw, request } from './support/client.ts'
import { answered } from './support/held-back.ts'
import { outcome } from './support/outcome.ts'
import { createWorld, type World } from './support/world.ts'

/** What can be wrong with a request, in the order of the checks, with the answer to it. */
const faults = {
  url: '414 SIDEKEEP_URL_TOO_LONG',
  body: '413 SIDEKEEP_REQUEST_TOO_LARGE',
  method: '405 SIDEKEEP_METHOD_NOT_ALLOWED',
  forwarded: '400 SIDEKEEP_FORWARDED_REQUEST',
  hosts: '400 SIDEKEEP_BAD_REQUEST',
  host: '421 SIDEKEEP_HOST_NOT_ALLOWED',
  origin: '403 SIDEKEEP_CROSS_SITE_REQUEST',
  token: '401 SIDEKEEP_TOKEN_INVALID',
  name: '403 SIDEKEEP_NOT_ALLOWED',
} as const
type Fault = keyof typeof faults
const inOrder: readonly Fault[] = [
  'url',
  'body',
  'method',
  'forwarded',
  'hosts',
  'host',
  'origin',
  'token',
  'name',
]

/** A request with these faults and no other. The headers stand in an order that says nothing. */
function faulty(has: ReadonlySet<Fault>): string[] {
  const name = has.has('name') ? 'web/none' : 'db-password'
  const query = has.has('url') ? `?${'x'.repeat(8_192)}` : ''
  const lines = [
    `Authorization: Bearer ${has.has('token') ? 'CANARY-wrong-1' : tokenOf('web')}`,
    has.has('origin') ? 'Origin: https://evil.example' : 'Sec-Fetch-Site: none',
    `Host: ${has.has('host') ? 'evil.example' : 'localhost'}`,
    'Connection: close',
  ]
  if (has.has('hosts')) lines.push('Host: 127.0.0.1')
  if (has.has('forwarded')) lines.push('Via: 1.1 proxy')
  if (has.has('body')) lines.push('Content-Length: 2000')
  return [`${has.has('method') ? 'PUT' : 'GET'} /v1/secrets/${name}${query} HTTP/1.1`, ...lines]
}

async function tokenWorld(t: Parameters<typeof createWorld>[0], limit?: number): Promise<World> {
  const web = { tokens: [tokenOf('web')], allow: ['db-*'], ...(limit === undefined ? {} : { limit }) }
  const { callers } = await callersRig(t, accessConfig({ web }))
  return await createWorld(t, { deps: { access: callers } })
}

t.test('of all that is wrong with a request the first check that it fails is the answer', async (t) => {
  const world = await tokenWorld(t)
  for (const [at] of inOrder.entries()) {
    const rest = inOrder.slice(at)
    const answer = await answered(world, () => raw(world.port, faulty(new Set(rest))))
    t.equal(outcome(answer), rest[0] && faults[rest[0]], rest.join(', '))
    t.notMatch(answer, 'CANARY-')
  }
  t.equal(outcome(await raw(world.port, faulty(new Set()))), '200')
  await fc.assert(
    fc.asyncProperty(fc.subarray([...inOrder], { minLength: 1 }), async (some) => {
      const first = inOrder.find((fault) => some.includes(fault))
      const answer = await answered(world, () => raw(world.port, faulty(new Set(some))))
      return first !== undefined && outcome(answer) === faults[first]
    }),
    { numRuns: 60 },
  )
})

t.test('before all of them the connections are counted, and after all of them the requests', async (t) => {
  const world = await tokenWorld(t, 3)
  world.configure({ maxConnections: 1 })
  const headers = { Authorization: `Bearer ${tokenOf('web')}` }
  const tag = (await request(world.port, 'GET', '/v1/secrets/db-password', { headers })).headers.etag ?? ''
  const waiting = request(world.port, 'GET', '/v1/secrets/db-password?wait=60s', {
    headers: { ...headers, 'If-None-Match': tag },
  })
  while (world.metrics.changes.waiting < 1) await settle()
  const full = await raw(world.port, faulty(new Set(inOrder)))
  t.equal(outcome(full), '503 SIDEKEEP_TOO_MANY_CONNECTIONS')
  world.configure({ maxConnections: 100 })
  t.equal(outcome(await raw(world.port, faulty(new Set()))), '200', 'the third')
  t.equal(outcome(await raw(world.port, faulty(new Set()))), '429 SIDEKEEP_RATE_LIMITED')
  for (const fault of inOrder) {
    const answer = await answered(world, () => raw(world.port, faulty(new Set([fault]))), 100)
    t.equal(outcome(answer), faults[fault], `${fault} goes before the limit`)
  }
  await world.clock.advance(60_000)
  t.equal((await waiting).status, 304)
})

t.test('what no route takes passes the same door', async (t) => {
  const world = await tokenWorld(t, 2)
  const headers = { Authorization: `Bearer ${tokenOf('web')}` }
  for (const path of ['/nope', '/%zz', '/v1/secrets/%ff']) {
    const without = await answered(world, () => request(world.port, 'GET', path))
    t.equal(without.json().code, 'SIDEKEEP_TOKEN_REQUIRED', path)
    const wrong = await answered(world, () =>
      request(world.port, 'GET', path, { headers: { Authorization: 'Bearer CANARY-wrong-1' } }),
    )
    t.equal(wrong.json().code, 'SIDEKEEP_TOKEN_INVALID', path)
  }
  t.equal((await request(world.port, 'GET', '/nope', { headers })).status, 404)
  t.equal((await request(world.port, 'GET', '/%zz', { headers })).status, 400)
  t.equal((await request(world.port, 'GET', '/%zz', { headers })).status, 429)
  t.equal((await request(world.port, 'GET', '/nope', { headers })).status, 429)
})

t.test('health is asked without any of it', async (t) => {
  const world = await tokenWorld(t)
  for (const path of ['/livez', '/readyz', '/startupz', '/healthz', '/readyz/listeners']) {
    const headers = { Host: '10.0.0.7', Via: '1.1 proxy', Origin: 'https://evil.example' }
    t.equal((await request(world.port, 'GET', path, { headers })).status, 200, path)
  }
  t.ok(world.deps.access instanceof Callers)
})
