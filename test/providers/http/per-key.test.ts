import t from 'tap'
import { Address } from '../../../src/providers/http/address.ts'
import { answer, faults, startBackend } from '../../support/backend.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, shortTimeout, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

t.test('a key is encoded so that it stays one place below the path that was configured', async (t) => {
  const address = new Address('https://backend.test/base/{key}/value?as={key}')
  for (const [key, path] of [
    ['plain', '/base/plain/value?as=plain'],
    ['team/db', '/base/team/db/value?as=team/db'],
    ['a b?c#d&e%2e', '/base/a%20b%3Fc%23d%26e%252e/value?as=a%20b%3Fc%23d%26e%252e'],
    ['ключ', '/base/%D0%BA%D0%BB%D1%8E%D1%87/value?as=%D0%BA%D0%BB%D1%8E%D1%87'],
    ["$&$'", "/base/%24%26%24'/value?as=%24%26%24%27"],
    ['\\..\\x', '/base/%5C..%5Cx/value?as=%5C..%5Cx'],
    ['...', '/base/.../value?as=...'],
  ] as const) {
    const url = address.of(key)
    t.equal(url?.origin, 'https://backend.test')
    t.equal(`${url?.pathname}${url?.search}`, path)
  }
})

t.test('a key that no URL can name is missing, and nobody is asked', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, `${backend.url}/{key}`)
  const keys = ['', '.', '..', '../admin', 'a/../b', 'a/.', '\ud800']
  const result = await provider.fetch(keys, signal())
  for (const key of keys) t.match(result.get(key), { kind: 'missing', reason: 'not-found' })
  t.same(backend.requests, [])
})

t.test('a key that is asked for twice costs one request', async (t) => {
  const backend = await startBackend(t, { secrets: [['key', 'CANARY-1']] })
  const provider = await httpProvider(t, `${backend.url}/{key}`)
  const result = await provider.fetch(['key', 'key'], signal())
  t.equal(result.size, 1)
  t.equal(backend.requests.length, 1)
})

t.test('as many calls as may be under way have a connection each', async (t) => {
  const backend = await startBackend(t)
  const waiting: (() => void)[] = []
  backend.handler = (request, response) => {
    waiting.push(() => answer(200, '{"value":"CANARY-1"}')(request, response))
    if (waiting.length === 20) for (const finish of waiting) finish()
  }
  const provider = await httpProvider(t, `${backend.url}/{key}`, { maxConcurrentCalls: 20 })
  const keys = Array.from({ length: 20 }, (_, n) => `key${n}`)
  const answers = await Promise.all(keys.map((key) => provider.fetch([key], signal())))
  for (const [n, result] of answers.entries()) t.equal(text(result.get(`key${n}`)), 'CANARY-1')
})

t.test('of one call at most eight requests are under way at a time', async (t) => {
  const backend = await startBackend(t)
  const keys = Array.from({ length: 40 }, (_, n) => `key${n}`)
  const waiting: (() => void)[] = []
  let most = 0
  backend.handler = (request, response) => {
    waiting.push(() => answer(200, '{"value":"CANARY-1"}')(request, response))
    most = Math.max(most, waiting.length)
    // Answered in the next turn: a ninth request that came along would be seen.
    if (waiting.length !== 8) return
    setImmediate(() => {
      for (const finish of waiting.splice(0)) finish()
    })
  }
  const result = await (await httpProvider(t, `${backend.url}/{key}`)).fetch(keys, signal())
  t.same(new Set(keys.map((key) => text(result.get(key)))), new Set(['CANARY-1']))
  t.equal(most, 8)
  t.ok(backend.sockets.size <= 8)
})

t.test('a backend that asks for fewer calls gets no more of them', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(429, '', { 'retry-after': '3' })
  const keys = Array.from({ length: 100 }, (_, n) => `key${n}`)
  const result = await (await httpProvider(t, `${backend.url}/{key}`)).fetch(keys, signal())
  t.equal(result.size, 100)
  for (const entry of result.values()) t.match(entry, { kind: 'throttled', retryAfterMs: 3000 })
  t.ok(backend.requests.length <= 8, `${backend.requests.length} requests`)
})

t.test('a backend that hangs costs a time-out or two, not one a key', async (t) => {
  const backend = await startBackend(t)
  backend.handler = faults.hang
  const keys = Array.from({ length: 100 }, (_, n) => `key${n}`)
  const provider = await httpProvider(t, `${backend.url}/{key}`, { timeout: shortTimeout })
  const result = await provider.fetch(keys, signal())
  t.equal(result.size, 100)
  for (const entry of result.values()) t.match(entry, { kind: 'unavailable', reason: 'timeout' })
  t.ok(backend.requests.length < 16, `${backend.requests.length} requests`)
})

t.test('one key that fails does not take the others down', async (t) => {
  const names = Array.from({ length: 20 }, (_, n) => `key${n}`)
  const backend = await startBackend(t, { secrets: names.map((name) => [name, 'CANARY-1'] as const) })
  const provider = await httpProvider(t, `${backend.url}/{key}`)
  const bad = new Set(['/secrets/key3', '/secrets/key4'])
  backend.handler = (request, response) =>
    bad.has(request.url ?? '')
      ? answer(500, 'CANARY-trace')(request, response)
      : answer(200, '{"value":"CANARY-1"}')(request, response)
  const result = await provider.fetch(names, signal())
  const failed = names.filter((name) => text(result.get(name)) !== 'CANARY-1')
  t.same(failed, ['key3', 'key4'])
  leaksNothing(t, result)
})

t.test('the deadline is the injected clock’s, and leaves no timer behind', async (t) => {
  const clock = new VirtualClock()
  const backend = await startBackend(t)
  const asked = Promise.withResolvers<void>()
  backend.handler = () => asked.resolve()
  const provider = await httpProvider(t, `${backend.url}/{key}`, { timeout: 60_000 }, { clock })
  const fetching = failureOf(provider.fetch(['key'], signal()))
  await asked.promise
  await clock.advance(60_000)
  t.match(await fetching, { kind: 'unavailable', reason: 'timeout' })
  t.equal(clock.pending, 0)
})
