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

const maxBytes = 16 * 1024 * 1024
const body = (bytes: number): Buffer => Buffer.alloc(bytes, 'CANARY-')
const isWiped = (bytes: Buffer | undefined): boolean => bytes?.every((byte) => byte === 0) === true

t.test(
  'what is remembered is bounded, the oldest goes first and is overwritten, and nothing shows it',
  async (t) => {
    const conditional = new Conditional(maxBytes)
    const bodies = [1, 2, 3].map(() => body(6 * 1024 * 1024))
    for (const [at, each] of bodies.entries()) {
      conditional.set(`/${at + 1}`, { etag: '"1"', contentType: undefined, body: each })
    }
    t.equal(conditional.take('/1'), undefined)
    t.same(bodies.map(isWiped), [true, false, false])
    const second = conditional.take('/2')
    const third = conditional.take('/3')
    if (second === undefined || third === undefined) throw new Error('not remembered')
    leaksNothing(t, third)
    conditional.give('/3', third)
    leaksNothing(t, conditional)

    conditional.close()
    t.equal(conditional.take('/3'), undefined)
    t.ok(isWiped(bodies[2]), 'overwritten at the end')
    conditional.give('/2', second)
    t.ok(isWiped(bodies[1]), 'and so is what was in use then')
  },
)

t.test('an answer that is being asked for again cannot be overwritten by what comes meanwhile', async (t) => {
  const conditional = new Conditional(maxBytes)
  const [old, newer] = [body(64), body(32)]
  conditional.set('/1', { etag: '"1"', contentType: undefined, body: old })
  const taken = conditional.take('/1')
  if (taken === undefined) throw new Error('not remembered')
  conditional.set('/1', { etag: '"2"', contentType: undefined, body: newer })
  t.notOk(isWiped(old))
  conditional.give('/1', taken)
  t.ok(isWiped(old), 'given back, it makes way for the newer one')
  t.equal(conditional.take('/1')?.etag, '"2"')
  t.notOk(isWiped(newer))
})

t.test(
  'what cannot be asked for conditionally is overwritten, and takes the place of what could',
  async (t) => {
    const conditional = new Conditional(maxBytes)
    const [old, untagged] = [body(64), body(64)]
    conditional.set('/1', { etag: '"1"', contentType: undefined, body: old })
    conditional.set('/1', { etag: undefined, contentType: undefined, body: untagged })
    t.ok(isWiped(old))
    t.ok(isWiped(untagged))
    t.equal(conditional.take('/1'), undefined)
  },
)

t.test('maxRemembered bounds what is kept: a larger answer is asked for anew each time', async (t) => {
  const backend = await startBackend(t, { secrets: [['key', 'CANARY-value']] })
  const etag = '"1"'
  backend.handler = answer(200, JSON.stringify([{ name: 'key', value: 'CANARY-value' }]), { etag })
  for (const [maxRemembered, sent] of [
    [10, undefined],
    [1000, etag],
  ] as const) {
    const provider = await httpProvider(t, backend.url, { maxRemembered })
    await provider.fetch(['key'], signal())
    await provider.fetch(['key'], signal())
    t.equal(backend.requests.at(-1)?.headers['if-none-match'], sent)
  }
})
