import t from 'tap'
import { systemClock } from '../../../src/secrets/clock.ts'
import { answer, faults } from '../../support/backend.ts'
import { refusal } from '../../support/fake-azure-entra.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure } from './support.ts'

const minute = 60_000

t.test('one token does for all fetches, also for those that come while it is asked for', async (t) => {
  const { entra, vault, provider } = await azure(t)
  for (const key of ['a', 'b', 'c']) vault.set(key, `CANARY-${key}`)
  await Promise.all(['a', 'b', 'c'].map((key) => provider.fetch([key], signal())))
  await provider.fetch(['a', 'b', 'c'], signal())
  t.equal(entra.signIns, 1)
  leaksNothing(t, provider)
})

t.test('a token is replaced before it ends, and not before', async (t) => {
  const clock = new VirtualClock()
  const { entra, vault, provider } = await azure(t, {}, { clock })
  vault.set('key', 'CANARY-value')
  const fetched = async () => text((await provider.fetch(['key'], signal())).get('key'))
  t.equal(await fetched(), 'CANARY-value')
  await clock.advance(55 * minute)
  t.equal(await fetched(), 'CANARY-value')
  t.equal(entra.signIns, 1)
  await clock.advance(minute)
  t.equal(await fetched(), 'CANARY-value')
  t.equal(entra.signIns, 2)
})

t.test('a jump of the wall clock neither ends a token nor keeps it', async (t) => {
  const clock = new VirtualClock()
  const { entra, vault, provider } = await azure(t, {}, { clock })
  vault.set('key', 'CANARY-value')
  await provider.fetch(['key'], signal())
  clock.jumpWall(10 * 365 * 24 * 60 * minute)
  await provider.fetch(['key'], signal())
  t.equal(entra.signIns, 1)
  clock.jumpWall(-20 * 365 * 24 * 60 * minute)
  await clock.advance(61 * minute)
  await provider.fetch(['key'], signal())
  t.equal(entra.signIns, 2)
})

t.test('where the renewal fails, the old token does while it lives', async (t) => {
  const clock = new VirtualClock()
  const { entra, vault, provider } = await azure(t, {}, { clock })
  vault.set('key', 'CANARY-value')
  await provider.fetch(['key'], signal())
  entra.fault = answer(503, 'CANARY-body')
  await clock.advance(57 * minute)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 2)
  await provider.fetch(['key'], signal())
  t.equal(entra.signIns, 2, 'it is not asked again at once')
  await clock.advance(4 * minute)
  t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'unavailable', reason: 'status' })
})

t.test('a token that the vault refuses is replaced once', async (t) => {
  const { entra, vault, provider } = await azure(t)
  vault.set('key', 'CANARY-value')
  await provider.fetch(['key'], signal())
  vault.isGood = (token) => token === 'CANARY-token-2'
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 2)

  vault.isGood = () => false
  const before = vault.asked.length
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'denied',
    reason: 'denied',
    message: /the token is not accepted.*AKV10000, status 401/,
  })
  t.equal(vault.asked.length - before, 2)
  t.equal(entra.signIns, 3)
  leaksNothing(t, error)
})

t.test('a vault of another tenant is told as such', async (t) => {
  const { vault, provider } = await azure(t)
  vault.isGood = () => false
  vault.challenge = vault.challenge.replace(
    /microsoftonline.com\/[^"]+/,
    `microsoftonline.com/${'9'.repeat(8)}-0000-4000-8000-000000000000`,
  )
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'denied', message: /belongs to another tenant.*Check tenantId/ })
})

t.test('who gives up while a token is asked for is let go at once, and others are not', async (t) => {
  const { entra, vault, provider } = await azure(t)
  vault.set('key', 'CANARY-value')
  const asked = Promise.withResolvers<() => void>()
  entra.fault = (request, response) =>
    asked.resolve(() => {
      entra.issued.set('CANARY-late', { resource: 'https://vault.azure.net' })
      answer(200, JSON.stringify({ token_type: 'Bearer', expires_in: 3600, access_token: 'CANARY-late' }))(
        request,
        response,
      )
    })
  const controller = new AbortController()
  const givenUp = failureOf(provider.fetch(['key'], controller.signal))
  const patient = provider.fetch(['key'], signal())
  const go = await asked.promise
  controller.abort(new Error('CANARY-reason'))
  const error = await givenUp
  t.match(error, { kind: 'unavailable', reason: 'aborted' })
  leaksNothing(t, error)
  go()
  t.equal(text((await patient).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 1)
})

t.test('when nobody waits any more, the sign-in ends', async (t) => {
  const { entra, provider } = await azure(t)
  const asked = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  entra.fault = (request) => {
    asked.resolve()
    request.socket.once('close', () => left.resolve())
  }
  const controller = new AbortController()
  const fetching = failureOf(provider.fetch(['key'], controller.signal))
  await asked.promise
  controller.abort()
  t.match(await fetching, { reason: 'aborted' })
  await left.promise
})

t.test('giving up, or closing, ends the question of what a token has to be for', async (t) => {
  for (const ends of ['gives up', 'closes'] as const) {
    const { vault, provider } = await azure(t, { resource: undefined })
    const asked = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    vault.backend.handler = (request) => {
      asked.resolve()
      request.socket.once('close', () => left.resolve())
    }
    const controller = new AbortController()
    const fetching = failureOf(provider.fetch(['key'], controller.signal))
    await asked.promise
    if (ends === 'closes') await provider.close?.()
    else controller.abort()
    t.match(await fetching, { kind: 'unavailable', reason: 'aborted' }, ends)
    await left.promise
  }
})

t.test('closing the provider ends a sign-in', async (t) => {
  const { entra, provider } = await azure(t)
  const asked = Promise.withResolvers<void>()
  entra.fault = () => asked.resolve()
  const fetching = failureOf(provider.fetch(['key'], signal()))
  await asked.promise
  await provider.close?.()
  t.match(await fetching, { kind: 'unavailable', reason: 'aborted' })
  t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'unavailable', reason: 'aborted' })
})

t.test('a sign-in that gets no answer ends in time', async (t) => {
  const { entra, provider } = await azure(t, { timeout: 150 }, { clock: systemClock })
  for (const fault of [faults.hang, faults.drip]) {
    entra.fault = fault
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'timeout' })
    leaksNothing(t, error)
  }
})

t.test(
  'a refused sign-in is tried again with the next fetch, and with what the credential is then',
  async (t) => {
    const { entra, vault, provider } = await azure(t)
    vault.set('key', 'CANARY-value')
    entra.fault = refusal(401, 7000222)
    t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'denied' })
    entra.fault = undefined
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  },
)
