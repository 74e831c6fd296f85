import type { Test } from 'tap'
import t from 'tap'
import { accessConfig, callersRig, tokenOf } from '../access/support/callers.ts'
import { canaryGuard } from '../support/canary.ts'

import { head, raw, request } from './support/client.ts'
import { answered } from './support/held-back.ts'
import { outcome } from './support/outcome.ts'
import { createWorld, type World } from './support/world.ts'

const secret = 'GET /v1/secrets/db-password HTTP/1.1'
const token = tokenOf('web')

/** A listener with callers; `reader` may only read, and only what begins with `db-`. */
async function tokenWorld(t: Test): Promise<World> {
  const config = accessConfig({
    web: { tokens: [token, tokenOf('next')], rights: ['read', 'list', 'refresh', 'watch'] },
    reader: { tokens: [tokenOf('reader')], allow: ['db-*'], rights: ['read'] },
  })
  const { callers } = await callersRig(t, config)
  return await createWorld(t, { deps: { access: callers } })
}

const send = (world: World, ...headers: string[]): Promise<string> =>
  answered(world, () => raw(world.port, head(secret, 'Host: localhost', ...headers)))

t.test('a token comes as a bearer or in a header of its own, and lets its caller in', async (t) => {
  const world = await tokenWorld(t)
  for (const headers of [
    [`Authorization: Bearer ${token}`],
    [`authorization: bearer ${token}`],
    [`AUTHORIZATION: BEARER   ${token} `],
    [`X-Sidekeep-Token: ${token}`],
    [`x-sidekeep-token:${token}`],
    [`Authorization: Bearer ${token}`, `X-Sidekeep-Token: ${token}`],
    ['Authorization: Basic Q0FOQVJZLXVzZXI6eA==', `X-Sidekeep-Token: ${token}`],
    [`Authorization: Bearer ${token}`, 'X-Sidekeep-Token:'],
    [`Authorization: Bearer ${tokenOf('next')}`],
  ]) {
    t.equal(outcome(await send(world, ...headers)), '200', headers.join(' and '))
  }
})

t.test('without a token it is 401, and the answer says what is wanted (RFC 6750, section 3)', async (t) => {
  const world = await tokenWorld(t)
  for (const headers of [
    [],
    ['X-Sidekeep-Request: true'],
    ['Authorization: Basic Q0FOQVJZLXVzZXI6eA=='],
    ['Authorization: Bearer'],
    ['Authorization: Bearer '],
    ['Authorization:'],
    ['X-Sidekeep-Token:'],
    [`Authorization: ${token}`],
    [`Authorization: Token ${token}`],
    [`Cookie: token=${token}`],
  ]) {
    const answer = await send(world, ...headers)
    t.equal(outcome(answer), '401 SIDEKEEP_TOKEN_REQUIRED', headers.join(' and '))
    t.match(answer, /^WWW-Authenticate: Bearer realm="sidekeep"\r$/m)
    t.notMatch(answer, 'CANARY-')
  }
  const inUrl = `GET /v1/secrets/db-password?access_token=${token} HTTP/1.1`
  const answer = await answered(world, () => raw(world.port, head(inUrl, 'Host: localhost')))
  t.equal(outcome(answer), '401 SIDEKEEP_TOKEN_REQUIRED', 'a URL is no place for a token')
})

t.test('with a wrong token it is 401 as well, and says so', async (t) => {
  const world = await tokenWorld(t)
  for (const wrong of [
    'CANARY-wrong-1',
    token.slice(0, -1),
    `${token}x`,
    `x${token}`,
    token.toLowerCase(),
    `${token}, ${token}`,
    `"${token}"`,
    'x'.repeat(8_000),
  ]) {
    const answer = await send(world, `Authorization: Bearer ${wrong}`)
    t.equal(outcome(answer), '401 SIDEKEEP_TOKEN_INVALID')
    t.match(answer, /^WWW-Authenticate: Bearer realm="sidekeep", error="invalid_token"\r$/m)
    t.notMatch(answer, 'CANARY-')
  }
})

t.test('two tokens in one request are 400: it is not sure whose it is', async (t) => {
  const world = await tokenWorld(t)
  for (const headers of [
    [`Authorization: Bearer ${token}`, 'X-Sidekeep-Token: CANARY-wrong-1'],
    [`Authorization: Bearer ${token}`, `X-Sidekeep-Token: ${tokenOf('next')}`],
    [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
    [`Authorization: Bearer ${token}`, 'authorization: Basic Q0FOQVJZLXVzZXI6eA=='],
    [`X-Sidekeep-Token: ${token}`, `x-sidekeep-token: ${token}`],
    ['X-Sidekeep-Token:', `X-Sidekeep-Token: ${token}`],
  ]) {
    const answer = await send(world, ...headers)
    t.equal(outcome(answer), '400 SIDEKEEP_BAD_REQUEST', headers.join(' and '))
    t.notMatch(answer, 'CANARY-')
  }
})

t.test('on a listener without callers a token says nothing', async (t) => {
  const world = await createWorld(t)
  const answer = await raw(world.port, head(secret, 'Host: localhost', `Authorization: Bearer ${token}`))
  t.equal(outcome(answer), '401 SIDEKEEP_HEADER_REQUIRED')
  t.match(answer, /^WWW-Authenticate: Sidekeep header="X-Sidekeep-Request"\r$/m)
})

t.test(
  'what a caller may not do, and a name that is not for it, is 403 before anything is looked up',
  async (t) => {
    const guard = canaryGuard(t)
    const world = await tokenWorld(t)
    const headers = { Authorization: `Bearer ${tokenOf('reader')}` }
    const ask = (method: string, path: string) => request(world.port, method, path, { headers })
    t.equal((await ask('GET', '/v1/secrets/db-password')).status, 200)
    t.equal((await ask('GET', '/v1/secrets/db-none')).status, 404)
    for (const [method, path] of [
      ['GET', '/v1/secrets/other'],
      ['HEAD', '/v1/secrets/other'],
      ['GET', '/v1/secrets/other/db-password'],
      ['GET', '/v1/secrets/'],
      ['GET', '/v1/secrets'],
      ['GET', '/v1/events'],
      ['GET', '/v1/explain/db-password'],
      ['POST', '/v1/refresh/db-password'],
      ['POST', '/v1/refresh'],
      ['POST', '/v1/rejected/db-password'],
    ] as const) {
      const { status, text } = await ask(method, path)
      t.equal(status, 403, `${method} ${path}`)
      if (method !== 'HEAD') t.match(text, '"code":"SIDEKEEP_NOT_ALLOWED"')
      guard.noLeak(path, text)
    }
    t.equal(world.provider.calls, 1)
    t.strictSame(world.metrics.reads.get('not_found'), 1, 'that of db-none alone')
  },
)
