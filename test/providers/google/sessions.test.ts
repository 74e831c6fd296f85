import t, { type Test } from 'tap'
import type { GoogleSecretManagerConfig } from '../../../src/config/schema.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { type FakeGoogle, type GoogleRequest, startFakeGoogle } from '../../support/fake-google.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { googleProvider, literal } from './support.ts'

interface Rig {
  readonly google: FakeGoogle
  readonly provider: Provider
  readonly clock: VirtualClock
}

async function rig(t: Test, more: Partial<GoogleSecretManagerConfig> = {}): Promise<Rig> {
  const google = await startFakeGoogle(t)
  google.secrets.add('key', 'CANARY-value')
  const clock = new VirtualClock()
  return { google, clock, provider: googleProvider(t, google, more, { clock }) }
}

async function reads(t: Test, provider: Provider): Promise<void> {
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
}

const isLogin = ({ url }: GoogleRequest): boolean => url.pathname.endsWith('/token')

/** Holds logins back until they are let go. */
function held(google: FakeGoogle): { readonly asked: Promise<void>; readonly left: Promise<void> } {
  const asked = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  google.intercept = (request, { request: raw }) => {
    if (!isLogin(request)) return undefined
    raw.socket.once('close', () => left.resolve())
    asked.resolve()
    return 'hang'
  }
  return { asked: asked.promise, left: left.promise }
}

t.test('nobody logs in before a secret is wanted, or for a key that is none', async (t) => {
  const { google, provider } = await rig(t)
  await provider.fetch(['../key'], signal())
  t.equal(google.logins.given, 0)
})

t.test('a token is used until shortly before its end', async (t) => {
  const { google, provider, clock } = await rig(t)
  await reads(t, provider)
  await clock.advance(3_600_000 - 226_000)
  await reads(t, provider)
  t.equal(google.logins.given, 1)
  await clock.advance(1000)
  await reads(t, provider)
  t.equal(google.logins.given, 2)
})

t.test('one that is good for a short time is used for half of it, one without a time once', async (t) => {
  const { google, provider, clock } = await rig(t)
  google.logins.lifetime = 60
  await reads(t, provider)
  await clock.advance(29_999)
  await reads(t, provider)
  t.equal(google.logins.given, 1)
  await clock.advance(1)
  google.logins.lifetime = 0
  await reads(t, provider)
  await reads(t, provider)
  t.equal(google.logins.given, 3)
})

t.test('a jump of the wall clock ends no token', async (t) => {
  const { google, provider, clock } = await rig(t)
  await reads(t, provider)
  for (const jump of [10 * 3_600_000, -20 * 3_600_000]) {
    clock.jumpWall(jump)
    await reads(t, provider)
  }
  t.equal(google.logins.given, 1)
})

t.test('all who want one at a time share one login', async (t) => {
  const { google, provider } = await rig(t)
  const fetches = Array.from({ length: 20 }, () => reads(t, provider))
  await Promise.all(fetches)
  t.equal(google.logins.given, 1)
})

t.test('a token that is not accepted any more is replaced, once for all who had it', async (t) => {
  const { google, provider } = await rig(t)
  await reads(t, provider)
  google.logins.revoke()
  await Promise.all(Array.from({ length: 8 }, () => reads(t, provider)))
  t.equal(google.logins.given, 2)
})

t.test('where the new one is not accepted either, that is the end of it', async (t) => {
  const { google, provider } = await rig(t)
  google.intercept = (request) => {
    if (!isLogin(request)) google.logins.revoke()
    return undefined
  }
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'denied',
    reason: 'denied',
    message: /has expired, and so has a new one.*\(401 UNAUTHENTICATED/,
  })
  leaksNothing(t, error)
  t.equal(google.logins.given, 2)
  t.equal(google.asked(':access').length, 2)
})

t.test('whoever gives up waits no longer, and takes the login from nobody', async (t) => {
  const { google, provider } = await rig(t)
  const { asked } = held(google)
  const controller = new AbortController()
  const [first, second] = [provider.fetch(['key'], controller.signal), provider.fetch(['key'], signal())]
  await asked
  controller.abort(new Error('CANARY-reason'))
  const error = await failureOf(first)
  t.match(error, { kind: 'unavailable', reason: 'aborted' })
  leaksNothing(t, error)
  let isOver = false
  second.then(
    () => (isOver = true),
    () => (isOver = true),
  )
  await settle()
  t.notOk(isOver, 'the other one waits on')
  t.equal(google.requests.filter(isLogin).length, 1)
  await provider.close?.()
  t.match(await failureOf(second), { kind: 'unavailable', reason: 'aborted' })
})

t.test('a login that nobody waits for is ended, and the next one begins anew', async (t) => {
  const { google, provider } = await rig(t)
  const { asked, left } = held(google)
  const controller = new AbortController()
  const fetching = provider.fetch(['key'], controller.signal)
  await asked
  controller.abort()
  t.match(await failureOf(fetching), { reason: 'aborted' })
  google.intercept = undefined
  await reads(t, provider)
  await left
})

t.test('a login has a deadline, whichever credentials it is with', async (t) => {
  const google = await startFakeGoogle(t)
  for (const credentials of [undefined, literal(google.logins.serviceAccount())]) {
    const { asked, left } = held(google)
    const clock = new VirtualClock()
    const provider = googleProvider(t, google, { ...(credentials && { credentials }) }, { clock })
    const failing = failureOf(provider.fetch(['key'], signal()))
    await asked
    await clock.advance(5000)
    const error = await failing
    t.match(error, { kind: 'unavailable', reason: 'timeout', message: /no access token within 5000 ms/ })
    leaksNothing(t, error)
    await left
    t.equal(clock.pending, 0)
  }
})

t.test('a login that drips has the same deadline', async (t) => {
  const google = await startFakeGoogle(t)
  const asked = Promise.withResolvers<void>()
  google.intercept = (request, { response }) => {
    if (!isLogin(request)) return undefined
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 10)
    response.once('close', () => clearInterval(timer))
    asked.resolve()
    return 'handled'
  }
  const clock = new VirtualClock()
  const credentials = literal(google.logins.serviceAccount())
  const failing = failureOf(googleProvider(t, google, { credentials }, { clock }).fetch(['key'], signal()))
  await asked.promise
  await clock.advance(5000)
  t.match(await failing, { kind: 'unavailable', reason: 'timeout' })
})

t.test('a failed login is tried again by the next fetch', async (t) => {
  const { google, provider } = await rig(t)
  google.logins.attached = false
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'credential' })
  google.logins.attached = true
  await reads(t, provider)
})

t.test('a provider that was closed logs in no more', async (t) => {
  const { google, provider } = await rig(t)
  await reads(t, provider)
  await provider.close?.()
  t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'unavailable', reason: 'aborted' })
  t.equal(google.logins.given, 1)
})

t.test('no timer is left behind', async (t) => {
  const { google, provider, clock } = await rig(t)
  await reads(t, provider)
  google.logins.revoke()
  await reads(t, provider)
  await provider.close?.()
  t.equal(clock.pending, 0)
})
