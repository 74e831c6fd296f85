import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { startBackend } from '../../support/backend.ts'
import { createAuthority } from '../../support/certificates.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

const secrets = [['key', 'CANARY-1']] as const

t.test('the token is read again at each use, since mounted tokens are replaced', async (t) => {
  const file = join(t.testdir({}), 'token')
  const backend = await startBackend(t, { token: 'CANARY-token-1', secrets })
  const provider = await httpProvider(t, backend.url, { token: new StringSource({ file }) })
  writeFileSync(file, 'CANARY-token-1\n')
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')

  backend.token = 'CANARY-token-2'
  const denied = await failureOf(provider.fetch(['key'], signal()))
  t.match(denied, { kind: 'denied', reason: 'denied' })
  leaksNothing(t, denied)

  writeFileSync(file, 'CANARY-token-2\n')
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
})

t.test('a token that cannot be read or sent is told without asking the backend', async (t) => {
  const backend = await startBackend(t, { secrets })
  const missing = new StringSource({ file: join(t.testdir({}), 'none') })
  for (const token of [missing, new StringSource('CANARY- with space'), new StringSource('CANARY-\u00e9')]) {
    const error = await failureOf((await httpProvider(t, backend.url, { token })).fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'credential' })
    t.match(error.message, token.describe(), 'the message names the place')
    leaksNothing(t, error)
  }
  t.same(backend.requests, [])
})

t.test('configured headers go along, read at each use', async (t) => {
  const env: NodeJS.ProcessEnv = { KEY: 'CANARY-header-1' }
  const backend = await startBackend(t, { secrets })
  const headers = { 'X-Api-Key': new StringSource({ env: 'KEY' }, 'credential', env) }
  const provider = await httpProvider(t, backend.url, { headers })
  await provider.fetch(['key'], signal())
  env.KEY = 'CANARY-header-2'
  await provider.fetch(['key'], signal())
  t.same(
    backend.requests.map((request) => request.headers['x-api-key']),
    ['CANARY-header-1', 'CANARY-header-2'],
  )
})

t.test('without a token no Authorization is sent, and compression is declined', async (t) => {
  const backend = await startBackend(t, { secrets })
  await (await httpProvider(t, backend.url)).fetch(['key'], signal())
  t.match(backend.requests[0]?.headers, { 'accept-encoding': 'identity', authorization: undefined })
})

t.test('a certificate authority that changes is used from the next fetch on', async (t) => {
  const [first, second] = [createAuthority('first'), createAuthority('second')]
  const file = join(t.testdir({ 'ca.pem': second.ca }), 'ca.pem')
  const backend = await startBackend(t, { tls: first.issue(), secrets })
  const provider = await httpProvider(t, backend.url, { ca: new StringSource({ file }, 'text') })
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'tls' })

  writeFileSync(file, `${second.ca}${first.ca}`)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')

  const left = backend.drained()
  writeFileSync(file, second.ca)
  t.match(await failureOf(provider.fetch(['key'], signal())), { reason: 'tls' })
  await left
})

t.test('an exchange under way survives the change of the certificate authority', async (t) => {
  const [first, second] = [createAuthority('first'), createAuthority('second')]
  const file = join(t.testdir({ 'ca.pem': first.ca }), 'ca.pem')
  const backend = await startBackend(t, { tls: first.issue(), secrets })
  const provider = await httpProvider(t, backend.url, { ca: new StringSource({ file }, 'text') })
  const arrived = Promise.withResolvers<() => void>()
  backend.handler = (_request, response) => {
    backend.handler = undefined
    arrived.resolve(() => response.writeHead(200, { 'content-length': 18 }).end('{"key":"CANARY-1"}'))
  }
  const slow = provider.fetch(['key'], signal())
  const finish = await arrived.promise
  writeFileSync(file, `${first.ca}${second.ca}`)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-1')
  finish()
  t.equal(text((await slow).get('key')), 'CANARY-1')
})

t.test('a certificate authority that is none is told as such, rather than trusting nobody', async (t) => {
  const broken = '-----BEGIN CERTIFICATE-----\nQ0FOQVJZLQ==\n-----END CERTIFICATE-----\n'
  for (const pem of ['CANARY-no-pem', broken]) {
    const provider = await httpProvider(t, 'https://127.0.0.1:1/', { ca: new StringSource(pem, 'text') })
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'credential' })
    t.match(error.message, /ca, from the configuration, is not usable/)
    leaksNothing(t, error)
  }
})
