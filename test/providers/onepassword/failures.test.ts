import t, { type Test } from 'tap'
import type { OnepasswordConnectConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { answer } from '../../support/backend.ts'
import {
  connectToken,
  type FakeConnect,
  type FakeVault,
  idOfVault,
  startConnect,
} from '../../support/fake-onepassword.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal, text } from '../conformance.ts'
import { connectProvider, errorOf, fetchOne, rejection } from './support.ts'

const vault = (): FakeVault => ({
  name: 'Main',
  items: [{ title: 'a', fields: [{ label: 'f', value: 'CANARY-value' }] }],
})

async function failure(
  t: Test,
  arrange: (connect: FakeConnect) => void,
  more: Partial<OnepasswordConnectConfig> = {},
) {
  const connect = await startConnect(t, [vault()])
  arrange(connect)
  const clock = new VirtualClock(Date.UTC(2026, 5, 1))
  const error = await errorOf(
    await connectProvider(t, connect.url, { vault: 'Main', ...more }, { clock }),
    'a/f',
  )
  leaksNothing(t, error)
  t.equal(error.cause, undefined)
  return error
}

function jwt(claims: object): StringSource {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return new StringSource(`${part({ alg: 'ES256' })}.${part(claims)}.CANARY-signature`)
}

t.test('a token that is refused is told with the reason, as far as the token itself tells it', async (t) => {
  const issue = /op connect token create/
  const foreign = await failure(t, () => {}, { token: new StringSource('CANARY-other') })
  t.match(foreign, { kind: 'denied', reason: 'denied' })
  t.match(foreign.message, /revoked, or is for another Connect server/)
  t.match(foreign.message, issue)
  const expired = await failure(t, () => {}, { token: jwt({ exp: Date.UTC(2026, 4, 1) / 1000 }) })
  t.match(expired.message, /the token has expired, on 2026-05-01T00:00:00/)
  for (const exp of [Date.UTC(2027, 1, 1) / 1000, -1, 1e300, 'x', null]) {
    t.match((await failure(t, () => {}, { token: jwt({ exp }) })).message, /is not accepted/)
  }
})

t.test('a vault out of scope is denied, by its id and by its name', async (t) => {
  const none = (connect: FakeConnect): void => {
    connect.scope = new Set()
  }
  const byName = await failure(t, none)
  t.match(byName, { kind: 'denied', reason: 'denied' })
  t.match(byName.message, /no vault "Main" that the token may see.*op connect token create/)
  t.match(await failure(t, none, { vault: idOfVault(vault()) }), { kind: 'denied' })

  const connect = await startConnect(t, [vault()])
  const provider = await connectProvider(t, connect.url, { vault: 'Main' })
  await fetchOne(provider, 'a/f')
  connect.intercept = (request, response) => {
    if (!request.url?.includes('/items')) return false
    answer(403, 'CANARY-403')(request, response)
    return true
  }
  const later = await errorOf(provider, 'a/f')
  t.match(later, { kind: 'denied', reason: 'denied' })
  t.match(later.message, /no access to the vault "Main"/)
  leaksNothing(t, later)
})

t.test('other answers are told by their status', async (t) => {
  const always =
    (status: number, headers: Record<string, string> = {}) =>
    (connect: FakeConnect) => {
      connect.intercept = (request, response) => {
        answer(status, 'CANARY-body', headers)(request, response)
        return true
      }
    }
  for (const [status, kind, reason, message] of [
    [404, 'unavailable', 'status', /Check url/],
    [400, 'unavailable', 'status', /Check url/],
    [301, 'unavailable', 'redirect', /Set url/],
    [503, 'unavailable', 'status', /connect-sync/],
  ] as const) {
    const error = await failure(t, always(status, { location: 'https://CANARY-elsewhere.test' }))
    t.match(error, { kind, reason })
    t.match(error.message, message)
  }
})

t.test('answers in which something is wrong are malformed, and hold nothing', async (t) => {
  for (const body of [
    '{}',
    'null',
    '[1]',
    '[{"name":"Main"}]',
    '[{"id":"../../x","name":"Main"}]',
    '[{"id":7,"name":"Main"}]',
    '"CANARY-"',
    '',
  ]) {
    const error = await failure(t, (connect) => {
      connect.intercept = (request, response) => {
        answer(200, body)(request, response)
        return true
      }
    })
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body)
  }
})

t.test('an item whose shape is not known breaks no other', async (t) => {
  const connect = await startConnect(t, [
    { name: 'Main', items: [...vault().items, { title: 'b', fields: [] }] },
  ])
  connect.intercept = (request, response) => {
    if (!/items\/[a-z0-9]{26}$/.test(request.url ?? '')) return false
    if (connect.asked.filter((path) => /items\/[a-z0-9]{26}$/.test(path)).length > 1) return false
    answer(200, '{"id":"abc","fields":["CANARY-"]}')(request, response)
    return true
  }
  const provider = await connectProvider(t, connect.url, { vault: 'Main' })
  t.match(await errorOf(provider, 'b'), { kind: 'unavailable', reason: 'malformed' })
  t.equal(text(await fetchOne(provider, 'a/f')), 'CANARY-value')
})

t.test('a file whose end nobody can tell is not taken', async (t) => {
  const item = { title: 'a', files: [{ name: 'x', content: Buffer.from('CANARY-file') }] }
  const connect = await startConnect(t, [{ name: 'Main', items: [item] }])
  connect.intercept = (request, response) => {
    if (!request.url?.endsWith('/content')) return false
    response.useChunkedEncodingByDefault = false
    response.writeHead(200, { connection: 'close' })
    response.end('CANARY-half')
    return true
  }
  const provider = await connectProvider(t, connect.url, { vault: 'Main' })
  t.match(await errorOf(provider, 'a/x'), { kind: 'unavailable', reason: 'malformed' })
})

t.test('a path of the URL comes before that of the API', async (t) => {
  const connect = await startConnect(t, [vault()])
  connect.intercept = (request) => {
    t.match(request.url, /^\/connect\/v1\/vaults/)
    request.url = request.url?.replace('/connect', '') ?? ''
    return false
  }
  const provider = await connectProvider(t, `${connect.url}/connect/`, { vault: 'Main' })
  t.equal(text(await fetchOne(provider, 'a/f')), 'CANARY-value')
})

t.test('the token is read again for each request, white space around it is dropped', async (t) => {
  const connect = await startConnect(t, [vault()])
  const env = { TOKEN: ` ${connectToken} ` }
  const token = new StringSource({ env: 'TOKEN' }, 'credential', env)
  const provider = await connectProvider(t, connect.url, { vault: 'Main', token })
  t.equal(text(await fetchOne(provider, 'a/f')), 'CANARY-value')
  connect.token = env.TOKEN = 'CANARY-rotated'
  t.equal(text(await fetchOne(provider, 'a/f')), 'CANARY-value')
  env.TOKEN = 'CANARY with space'
  t.match(await errorOf(provider, 'a/f'), { kind: 'unavailable', reason: 'credential' })
  env.TOKEN = ''
  const error = await errorOf(provider, 'a/f')
  t.match(error, { kind: 'unavailable', reason: 'credential' })
  leaksNothing(t, error)
})

t.test('a call that is given up between two requests ends there', async (t) => {
  for (const at of [1, 2, 3]) {
    const connect = await startConnect(t, [vault()])
    const provider = await connectProvider(t, connect.url, { vault: 'Main' })
    const controller = new AbortController()
    connect.intercept = () => {
      if (connect.asked.length === at) controller.abort()
      return false
    }
    t.match(await rejection(provider.fetch(['a/f'], controller.signal)), {
      kind: 'unavailable',
      reason: 'aborted',
    })
    t.equal(connect.asked.length, at)
  }
})

t.test('a server that is down is asked for few of many items', async (t) => {
  const connect = await startConnect(t, [vault()])
  connect.intercept = (request, response) => {
    if (!request.url?.includes('/items')) return false
    answer(500, 'CANARY-down')(request, response)
    return true
  }
  const provider = await connectProvider(t, connect.url, { vault: 'Main' })
  const keys = Array.from({ length: 100 }, (_, n) => `i${n}/f`)
  const results = await provider.fetch(keys, signal())
  t.equal(results.size, 100)
  t.ok(connect.asked.length < 30, `${connect.asked.length} requests`)
})

t.test('a token whose file does not answer holds up no call for longer than timeout', async (t) => {
  class Hanging extends StringSource {
    override read(): Promise<string> {
      return Promise.withResolvers<string>().promise
    }
  }
  const connect = await startConnect(t, [vault()])
  const clock = new VirtualClock()
  const token = new Hanging({ file: '/elsewhere/token' })
  const provider = await connectProvider(t, connect.url, { vault: 'Main', token }, { clock })
  const slow = errorOf(provider, 'a/f')
  await clock.advance(5000)
  t.match(await slow, { kind: 'unavailable', reason: 'timeout', message: /token.*within 5000 ms/ })

  const controller = new AbortController()
  const given = rejection(provider.fetch(['a/f'], controller.signal))
  controller.abort()
  t.match(await given, { kind: 'unavailable', reason: 'aborted' })
  t.strictSame(connect.asked, [])
})
