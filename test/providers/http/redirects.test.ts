import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { answer, startBackend } from '../../support/backend.ts'
import { failureOf, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

const token = new StringSource('CANARY-token')

t.test('a redirect within the origin is followed, with the token', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const backend = await startBackend(t)
    backend.handler = (request, response) =>
      request.url === '/secrets'
        ? answer(status, 'CANARY-moved', { location: '/v2/secrets?all=1' })(request, response)
        : answer(200, '{"key":"CANARY-1"}')(request, response)
    const result = await (await httpProvider(t, backend.url, { token })).fetch(['key'], signal())
    t.equal(text(result.get('key')), 'CANARY-1')
    t.same(
      backend.requests.map(({ path }) => path),
      ['/secrets', '/v2/secrets?all=1'],
    )
    t.equal(backend.requests[1]?.headers.authorization, 'Bearer CANARY-token')
  }
})

t.test('a redirect to another origin is not followed: the token would go there', async (t) => {
  const thief = await startBackend(t)
  const backend = await startBackend(t)
  for (const location of [`${thief.origin}/CANARY-path?q=CANARY-query`, `//127.0.0.1:${thief.port}/`]) {
    backend.handler = answer(302, '', { location })
    const error = await failureOf((await httpProvider(t, backend.url, { token })).fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'redirect' })
    t.match(error.message, `a redirect to ${thief.origin} is not followed`)
    t.match(error.message, /Set url/, 'the message names the remedy')
    t.notMatch(error.message, /CANARY/)
  }
  t.same(thief.requests, [])
})

t.test('what fails behind a redirect is told without the path that the backend chose', async (t) => {
  const backend = await startBackend(t)
  backend.handler = (request, response) =>
    request.url === '/secrets'
      ? answer(302, '', { location: '/CANARY-path' })(request, response)
      : void request.socket.destroy()
  const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'reset' })
  t.notMatch(error.message, /CANARY/)
})

t.test('a redirect to another scheme is not followed', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(302, '', { location: 'data:application/json,{"key":"CANARY-1"}' })
  const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'redirect' })
})

t.test('a loop of redirects ends after three', async (t) => {
  const backend = await startBackend(t)
  backend.handler = answer(302, '', { location: '/secrets' })
  const error = await failureOf((await httpProvider(t, backend.url)).fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'redirect' })
  t.equal(backend.requests.length, 4)
})

t.test('a redirect to nowhere is a failure', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, backend.url)
  for (const headers of [{}, { location: 'http://[' }]) {
    backend.handler = answer(302, '', headers)
    t.match(await failureOf(provider.fetch(['key'], signal())), { kind: 'unavailable', reason: 'redirect' })
  }
})
