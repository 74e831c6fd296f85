import t from 'tap'
import { answer } from '../../support/backend.ts'
import { failure, versionId } from '../../support/fake-azure-vault.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure } from './support.ts'

const start = Date.UTC(2026, 0, 1)
const seconds = (ms: number): number => Math.floor(ms / 1000)
const hour = 3_600_000

t.test('a secret that expires is fresh until then, at the most', async (t) => {
  const clock = new VirtualClock(start)
  const { vault, provider } = await azure(t, {}, { clock })
  vault.set('key', { value: 'CANARY-value', attributes: { exp: seconds(start + hour) } })
  t.match((await provider.fetch(['key'], signal())).get('key'), { ttlMs: hour, version: versionId(0) })
  await clock.advance(hour / 2)
  t.match((await provider.fetch(['key'], signal())).get('key'), { ttlMs: hour / 2 })
  await clock.advance(hour / 2)
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'denied',
    reason: 'denied',
    message: /has expired \(exp, 2026-01-01T01:00:00\.000Z\)/,
  })
  leaksNothing(t, error)
})

t.test('a secret without an end has none', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('key', 'CANARY-value')
  t.notOk('ttlMs' in ((await provider.fetch(['key'], signal())).get('key') ?? {}))
})

t.test('a secret that is not valid yet is denied, but for a clock that is a little behind', async (t) => {
  const clock = new VirtualClock(start)
  const { vault, provider } = await azure(t, {}, { clock })
  vault.set('key', { value: 'CANARY-value', attributes: { nbf: seconds(start + hour) } })
  vault.set('soon', { value: 'CANARY-soon', attributes: { nbf: seconds(start + 30_000) } })
  const found = await provider.fetch(['key', 'soon'], signal())
  t.match(found.get('key'), {
    kind: 'denied',
    reason: 'denied',
    message: /not valid yet \(nbf, 2026-01-01T01:00/,
  })
  t.equal(text(found.get('soon')), 'CANARY-soon')
  leaksNothing(t, found)
  await clock.advance(hour)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
})

t.test('a disabled secret is denied with the reason, and a version that is enabled can be had', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('key', 'CANARY-first')
  vault.set('key', { value: 'CANARY-second', attributes: { enabled: false } })
  const first = `key/${versionId(0)}`
  const found = await provider.fetch(['key', first], signal())
  t.match(found.get('key'), {
    kind: 'denied',
    reason: 'denied',
    message: /the secret is disabled\. Enable it/,
  })
  t.equal(text(found.get(first)), 'CANARY-first')
})

t.test('a value that came in spite of being disabled is not used', async (t) => {
  const { vault, provider } = await azure(t)
  const id = `https://v.vault.azure.net/secrets/key/${versionId(0)}`
  vault.fault = answer(200, JSON.stringify({ value: 'CANARY-value', id, attributes: { enabled: false } }))
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'denied', message: /is disabled/ })
  leaksNothing(t, error)
})

t.test('an answer that is of another version is not taken', async (t) => {
  const { vault, provider } = await azure(t)
  const answered = async (asked: string, version: string) => {
    const id = `https://v.vault.azure.net/secrets/key/${version}`
    vault.fault = answer(200, JSON.stringify({ value: 'CANARY-value', id, attributes: {} }))
    return (await provider.fetch([asked], signal())).get(asked)
  }
  const pinned = `key/${'a'.repeat(32)}`
  const error = await answered(pinned, 'b'.repeat(32))
  t.match(error, { kind: 'unavailable', reason: 'malformed', message: /is that of another version/ })
  leaksNothing(t, error)
  t.equal(text(await answered(pinned, 'A'.repeat(32))), 'CANARY-value')
  t.equal(text(await answered('key', 'b'.repeat(32))), 'CANARY-value')
})

t.test('a deleted secret is missing, and it is said that it can be recovered', async (t) => {
  const { vault, provider } = await azure(t)
  vault.set('key', 'CANARY-value')
  vault.deleted.add('key')
  t.match(await failureOf(provider.fetch(['key'], signal())), {
    kind: 'missing',
    reason: 'not-found',
    message: /no secret with the key "key"\. One that was deleted lately may be recovered \(status 404\)/,
  })
  for (const fault of [
    failure(404, 'SecretNotFound', 'Secret key is currently in a deleted but recoverable state.'),
    failure(403, 'Forbidden', '', {}, 'ObjectIsDeletedButRecoverable'),
    failure(409, 'Conflict', '', {}, 'ObjectIsDeletedButRecoverable'),
  ]) {
    vault.fault = fault
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'missing', reason: 'not-found', message: /is deleted, and can be recovered/ })
    leaksNothing(t, error)
  }
})

t.test('each way to be forbidden says what to do', async (t) => {
  const { vault, provider } = await azure(t)
  for (const [inner, ofKey, ofList] of [
    [
      'ForbiddenByRbac',
      /to get it.*Key Vault Secrets User, for the secret or the vault/,
      /to list it.*for the whole vault/,
    ],
    ['ForbiddenByPolicy', /the secret permission get/, /the secret permission list/],
    ['AccessDenied', /the secret permission get/, /the secret permission list/],
    ['ForbiddenByFirewall', /firewall does not let this address in/, /firewall/],
    ['ForbiddenByConnection', /privatelink\.vaultcore\.azure\.net/, /private endpoint/],
    ['CANARY-unknown', /Check the role/, /Check the role/],
    ['constructor', /Check the role/, /Check the role/],
  ] as const) {
    vault.fault = failure(403, 'Forbidden', '', {}, inner)
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'denied', reason: 'denied', message: ofKey }, inner)
    leaksNothing(t, error)
    const listing: unknown = await provider.listKeys?.(['*'], signal()).catch((reason: unknown) => reason)
    t.match(listing, { kind: 'denied', reason: 'denied', message: ofList }, inner)
    leaksNothing(t, listing)
  }
})

t.test('other answers have their meaning, and a place that is no vault drops nothing', async (t) => {
  const { vault, provider } = await azure(t)
  for (const [fault, expected] of [
    [failure(404, 'ResourceNotFound'), { kind: 'unavailable', reason: 'status' }],
    [answer(404, '<html>CANARY'), { kind: 'unavailable', reason: 'status' }],
    [answer(404, ''), { kind: 'unavailable', reason: 'status' }],
    [answer(404, '{"error":"SecretNotFound"}'), { kind: 'unavailable', reason: 'status' }],
    [failure(400, 'BadParameter'), { kind: 'unavailable', reason: 'status' }],
    [answer(301, '', { location: 'https://CANARY.example' }), { kind: 'unavailable', reason: 'redirect' }],
    [failure(429, 'Throttled'), { kind: 'throttled', retryAfterMs: undefined }],
    [failure(429, 'Throttled', '', { 'retry-after': '3' }), { kind: 'throttled', retryAfterMs: 3000 }],
    [
      failure(503, 'ServiceUnavailable', '', { 'retry-after': '3' }),
      { kind: 'unavailable', retryAfterMs: 3000 },
    ],
    [answer(204, ''), { kind: 'unavailable', reason: 'status' }],
    [answer(401, 'CANARY'), { kind: 'unavailable', reason: 'credential' }],
  ] as const) {
    vault.fault = fault
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, expected, error.message)
    t.match(error.message, `GET ${vault.origin}/secrets/key: `)
    t.notMatch(error.message, 'api-version')
    leaksNothing(t, error)
  }
})

t.test('an answer that is none is refused, whatever is wrong with it', async (t) => {
  const { vault, provider } = await azure(t)
  const id = `https://v.vault.azure.net/secrets/key/${versionId(0)}`
  for (const body of [
    '',
    'null',
    '[]',
    '"CANARY"',
    JSON.stringify({ id }),
    JSON.stringify({ id, value: null }),
    JSON.stringify({ id, value: 7 }),
    JSON.stringify({ id, value: { a: 'CANARY' } }),
    JSON.stringify({ value: 'CANARY' }),
    JSON.stringify({ value: 'CANARY', id: 'https://v.vault.azure.net/secrets/key' }),
    JSON.stringify({ value: 'CANARY', id, attributes: [] }),
    ...['"soon"', '-1', '1e300', '[]', 'true'].map(
      (exp) => `{"value":"CANARY","id":"${id}","attributes":{"exp":${exp}}}`,
    ),
    `{"value":"CANARY-\\ud800","id":"${id}"}`,
  ]) {
    vault.fault = answer(200, body)
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body)
    leaksNothing(t, error)
  }
})
