import t from 'tap'
import { Conditional } from '../../../src/providers/http/conditional.ts'
import { answer, startBackend } from '../../support/backend.ts'
import { bytes, failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

for (const path of ['/secrets', '/secrets/{key}', '/raw/{key}']) {
  t.test(`GET ${path}: an unchanged answer is asked for by its ETag and not sent again`, async (t) => {
    const backend = await startBackend(t, { secrets: [['key', 'CANARY-1']] })
    const provider = await httpProvider(t, `${backend.origin}${path}`)
    const first = (await provider.fetch(['key'], signal())).get('key')
    t.equal(backend.requests[0]?.headers['if-none-match'], undefined)
    bytes(first)?.fill(0)

    const second = (await provider.fetch(['key'], signal())).get('key')
    t.match(backend.requests[1]?.headers['if-none-match'], /^"[0-9a-f]+"$/)
    t.equal(text(second), 'CANARY-1', 'a 304 gives values of its own')

    backend.secrets.set('key', { value: 'CANARY-2' })
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-2')
  })
}

t.test('a 304 keeps version and lifetime', async (t) => {
  const backend = await startBackend(t, { secrets: [['key', { value: 'CANARY-1', version: 'v1', ttl: 60 }]] })
  const provider = await httpProvider(t, backend.url)
  const first = (await provider.fetch(['key'], signal())).get('key')
  t.match(first, { version: 'v1', ttlMs: 60_000 })
  t.same((await provider.fetch(['key'], signal())).get('key'), first)
})

t.test('a 304 that nobody asked for is a failure', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(304)
  const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'status' })
})

t.test('an ETag that is none is not sent back', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, backend.url)
  backend.handler = answer(200, '{"key":"CANARY-1"}', { etag: 'unquoted' })
  await provider.fetch(['key'], signal())
  await provider.fetch(['key'], signal())
  t.equal(backend.requests[1]?.headers['if-none-match'], undefined)
})

t.test('a broken answer is not remembered as current', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, backend.url)
  backend.handler = answer(200, 'CANARY-broken', { etag: '"1"' })
  await failureOf(provider.fetch(['key'], signal()))
  await failureOf(provider.fetch(['key'], signal()))
  t.equal(backend.requests[1]?.headers['if-none-match'], undefined)
})

t.test('what is remembered is bounded, the oldest goes first, and nothing shows it', async (t) => {
  const conditional = new Conditional()
  const large = 6 * 1024 * 1024
  for (const path of ['/1', '/2', '/3']) {
    conditional.set(path, { etag: '"1"', contentType: undefined, body: Buffer.alloc(large, 'CANARY-') })
  }
  t.equal(conditional.get('/1'), undefined)
  t.ok(conditional.get('/2'))
  t.ok(conditional.get('/3'))
  leaksNothing(t, conditional.get('/3'))

  const kept = conditional.get('/3')?.body
  conditional.clear()
  t.equal(conditional.get('/3'), undefined)
  t.ok(
    kept?.reveal().every((byte) => byte === 0),
    'overwritten',
  )
})
