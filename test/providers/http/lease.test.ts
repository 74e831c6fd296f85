import t from 'tap'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { answer, startBackend } from '../../support/backend.ts'
import { bytes, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

const etag = '"unchanged"'

t.test('seconds of a lease become milliseconds, of an item of a list and of a document alike', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(
    200,
    JSON.stringify([
      { name: 'leased', value: 'CANARY-leased', lease: 90.5, ttl: 10 },
      { name: 'zero', value: 'CANARY-zero', lease: 0 },
      { name: 'null', value: 'CANARY-null', lease: null },
      { name: 'none', value: 'CANARY-none' },
    ]),
  )
  const list = await httpProvider(t, backend.url)
  const all = await list.fetch(['leased', 'zero', 'null', 'none'], signal())
  t.match(all.get('leased'), { lease: { durationMs: 90_500, renewable: false }, ttlMs: 10_000 })
  for (const key of ['zero', 'null', 'none']) t.notOk('lease' in (all.get(key) ?? {}), key)

  backend.handler = answer(200, '{"value":"CANARY-1","lease":60}')
  const single = await httpProvider(t, `${backend.origin}/secrets/{key}`)
  t.match((await single.fetch(['key'], signal())).get('key'), { lease: { durationMs: 60_000 } })
})

t.test('a lease that is no number of seconds is a failure of that item alone', async (t) => {
  const backend = await startBackend(t)
  for (const lease of ['60', -1, true, {}, 1e300]) {
    const list = [
      { name: 'bad', value: 'CANARY-bad', lease },
      { name: 'good', value: 'CANARY-good' },
    ]
    backend.handler = answer(200, JSON.stringify(list))
    const provider = await httpProvider(t, backend.url)
    const result = await provider.fetch(['bad', 'good'], signal())
    const error = result.get('bad')
    t.ok(error instanceof ProviderError && error.message.includes('its "lease" is no number of seconds'))
    t.equal(text(result.get('good')), 'CANARY-good')
  }
})

for (const [path, documentOf] of [
  [
    '/secrets',
    (item: object) => [
      { name: 'key', ...item },
      { name: 'other', value: 'CANARY-other' },
    ],
  ],
  ['/secrets/{key}', (item: object) => item],
] as const) {
  t.test(`GET ${path}: a document with a lease is fetched whole each time`, async (t) => {
    const backend = await startBackend(t)
    const provider = await httpProvider(t, `${backend.origin}${path}`)
    const asked = async (item: object): Promise<string | undefined> => {
      backend.handler = answer(200, JSON.stringify(documentOf(item)), {
        etag,
        'content-type': 'application/json',
      })
      const result = await provider.fetch(['key'], signal())
      t.ok(bytes(result.get('key')))
      return backend.requests.at(-1)?.headers['if-none-match']
    }
    t.equal(await asked({ value: 'CANARY-1' }), undefined)
    t.equal(
      await asked({ value: 'CANARY-1', lease: 60 }),
      etag,
      'until then it could be asked for conditionally',
    )
    t.equal(await asked({ value: 'CANARY-1', lease: 60 }), undefined)
    t.equal(await asked({ value: 'CANARY-1', lease: 60 }), undefined)
    t.equal(await asked({ value: 'CANARY-1' }), undefined)
    t.equal(await asked({ value: 'CANARY-1' }), etag, 'and so can the first without one')
  })
}
