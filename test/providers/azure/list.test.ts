import t from 'tap'
import type { Provider } from '../../../src/secrets/provider.ts'
import { answer, faults } from '../../support/backend.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal } from '../conformance.ts'
import { azure } from './support.ts'

const start = Date.UTC(2026, 0, 1)

function list(provider: Provider, patterns: readonly string[], given = signal()): Promise<readonly string[]> {
  if (provider.listKeys === undefined) throw new Error('the provider lists')
  return provider.listKeys(patterns, given)
}

const failed = (provider: Provider, given = signal()): Promise<unknown> =>
  list(provider, ['*'], given).then(
    () => 'listed',
    (error: unknown) => error,
  )

t.test('all pages are read, and no value is asked for', async (t) => {
  const { vault, provider } = await azure(t)
  const names = Array.from({ length: 60 }, (_, n) => `name-${n}`)
  for (const name of names) vault.set(name, 'CANARY-value')
  t.strictSame([...(await list(provider, ['*']))].sort(), names.sort())
  t.strictSame(
    vault.asked.map((path) => path.split('?')[0]),
    ['/secrets', '/secrets', '/secrets'],
  )
})

t.test('what patterns cannot find is left out', async (t) => {
  const { vault, provider } = await azure(t)
  for (const name of ['shop-db', 'shop-api', 'other', 'db-shop', 'shop']) vault.set(name, 'CANARY-value')
  t.strictSame([...(await list(provider, ['shop-*']))].sort(), ['shop-api', 'shop-db'])
  t.strictSame([...(await list(provider, ['shop-*', '*-shop']))].sort(), ['db-shop', 'shop-api', 'shop-db'])
})

t.test(
  'what cannot be used, and certificates, are not discovered, but given to whoever names them',
  async (t) => {
    const clock = new VirtualClock(start)
    const { vault, provider } = await azure(t, {}, { clock })
    vault.set('good', 'CANARY-value')
    vault.set('disabled', { value: 'CANARY-value', attributes: { enabled: false } })
    vault.set('expired', { value: 'CANARY-value', attributes: { exp: start / 1000 } })
    vault.set('early', { value: 'CANARY-value', attributes: { nbf: start / 1000 + 3600 } })
    vault.set('certificate', { value: 'CANARY-pem', contentType: 'application/x-pem-file', managed: true })
    t.strictSame(await list(provider, ['*']), ['good'])
    t.ok('value' in ((await provider.fetch(['certificate'], signal())).get('certificate') ?? {}))
  },
)

t.test('an empty vault lists nothing', async (t) => {
  const { provider } = await azure(t)
  t.strictSame(await list(provider, ['*']), [])
})

t.test('a list may have as many secrets as maxSecrets says, and no more', async (t) => {
  const { vault, provider } = await azure(t, { maxSecrets: 30 })
  for (let n = 0; n < 30; n++) vault.set(`name-${n}`, 'CANARY-value')
  t.equal((await list(provider, ['*'])).length, 30)
  vault.set('name-30', 'CANARY-value')
  t.match(await failed(provider), {
    kind: 'unavailable',
    reason: 'oversized',
    message: /more than 30 secrets/,
  })
  t.equal((await list(provider, ['name-1*'])).length, 11)
})

t.test('a next page elsewhere is not asked for', async (t) => {
  const { vault, provider } = await azure(t)
  const elsewhere = await azure(t)
  for (let n = 0; n < 26; n++) vault.set(`name-${n}`, 'CANARY-value')
  for (const place of [
    `${elsewhere.vault.origin}/secrets`,
    `${vault.origin}@127.0.0.1:1/secrets`,
    `${vault.origin}/keys`,
    `${vault.origin}/secrets/name-1`,
    `${vault.origin}/secrets/../deletedsecrets`,
    '//127.0.0.1:1/secrets',
  ]) {
    vault.listedAt = place
    t.match(await failed(provider), { kind: 'unavailable', reason: 'redirect' }, place)
  }
  t.strictSame(elsewhere.vault.backend.requests, [])
})

t.test('a list that goes round in circles ends', async (t) => {
  const { vault, provider } = await azure(t)
  const nextLink = `${vault.origin}/secrets?api-version=7.5&$skiptoken=1`
  vault.fault = answer(200, JSON.stringify({ value: [], nextLink }))
  t.match(await failed(provider), { kind: 'unavailable', reason: 'malformed', message: /come to an end/ })
  t.equal(vault.asked.length, 2)
})

t.test('a list that is none is refused as a whole', async (t) => {
  const { vault, provider } = await azure(t)
  for (const body of [
    '',
    '[]',
    '{"value":"CANARY"}',
    '{"value":[],"nextLink":7}',
    `{"value":[],"nextLink":"/secrets?${'x'.repeat(5000)}"}`,
    '{"value":["CANARY"]}',
    '{"value":[{"id":"https://v/keys/CANARY"}]}',
    '{"value":[{"id":"https://v/secrets/a_b"}]}',
    '{"value":[{"id":"https://v/secrets/a","attributes":"CANARY"}]}',
  ]) {
    vault.fault = answer(200, body)
    const error = await failed(provider)
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body)
    leaksNothing(t, error)
  }
})

t.test('giving up ends it between two pages too', async (t) => {
  const { vault, provider } = await azure(t)
  const controller = new AbortController()
  const asked = Promise.withResolvers<void>()
  vault.fault = (request, response) => {
    const nextLink = `${vault.origin}/secrets?api-version=7.5&$skiptoken=1`
    answer(200, JSON.stringify({ value: [], nextLink }))(request, response)
    vault.fault = () => asked.resolve()
  }
  const listing = failed(provider, controller.signal)
  await asked.promise
  controller.abort()
  t.match(await listing, { kind: 'unavailable', reason: 'aborted' })
})

t.test('a list that does not come is told as any answer', async (t) => {
  const { vault, provider } = await azure(t)
  vault.fault = faults.resetBeforeHeaders
  t.match(await failed(provider), { kind: 'unavailable', reason: 'reset' })
})
