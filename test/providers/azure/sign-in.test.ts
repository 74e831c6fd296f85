import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { answer, faults, type Handler } from '../../support/backend.ts'
import { clientId, refusal, tenantId } from '../../support/fake-azure-entra.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure, setEnvironment } from './support.ts'

const fixtures = join(import.meta.dirname, '../../support/fixtures/pkcs12')

const unset = {
  AZURE_TENANT_ID: undefined,
  AZURE_CLIENT_ID: undefined,
  AZURE_CLIENT_SECRET: undefined,
  AZURE_CLIENT_CERTIFICATE_PATH: undefined,
  AZURE_FEDERATED_TOKEN_FILE: undefined,
  AZURE_AUTHORITY_HOST: undefined,
}

t.test('workload identity exchanges the token that the file holds at that moment', async (t) => {
  const clock = new VirtualClock()
  const tokenFile = join(t.testdir({ token: 'CANARY-assertion-1\n' }), 'token')
  const { entra, vault, provider } = await azure(
    t,
    { credential: { workloadIdentity: { clientId, tenantId, tokenFile } } },
    { clock },
    { assertion: 'CANARY-assertion-1' },
  )
  vault.set('key', 'CANARY-value')
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  entra.application = { assertion: 'CANARY-assertion-2' }
  writeFileSync(tokenFile, 'CANARY-assertion-2')
  await clock.advance(60 * 60_000)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 2)
})

t.test('workload identity takes from the environment what the webhook puts there', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-assertion' }), 'token')
  const { entra, vault, provider } = await azure(
    t,
    { credential: { workloadIdentity: {} }, authorityHost: undefined },
    {},
    { assertion: 'CANARY-assertion' },
  )
  vault.set('key', 'CANARY-value')
  setEnvironment(t, unset)
  t.match(await failureOf(provider.fetch(['key'], signal())), {
    kind: 'unavailable',
    reason: 'credential',
    message: /tenantId is not set, nor is AZURE_TENANT_ID.*azure.workload.identity\/use/,
  })
  setEnvironment(t, {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_FEDERATED_TOKEN_FILE: file,
    AZURE_AUTHORITY_HOST: `${entra.origin}/`,
  })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
})

t.test('a certificate signs in', async (t) => {
  const pem = readFileSync(join(fixtures, 'rsa.pem'), 'utf8')
  const { entra, vault, provider } = await azure(
    t,
    { credential: { clientCertificate: { tenantId, clientId, certificate: new StringSource(pem, 'text') } } },
    {},
    { certificate: pem },
  )
  vault.set('key', 'CANARY-value')
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 1)
})

t.test('a certificate that cannot sign in is told by its place, and quoted nowhere', async (t) => {
  const rsa = readFileSync(join(fixtures, 'rsa.pem'), 'utf8')
  const ec = readFileSync(join(fixtures, 'ec.pem'), 'utf8')
  const [key = ''] = /^.*?-----END PRIVATE KEY-----\n/s.exec(rsa) ?? []
  for (const [pem, words] of [
    ['CANARY-no-pem', /holds no private key in PEM/],
    [ec, /no RSA key/],
    [key, /holds no certificate in PEM/],
    [`${key}${ec.replace(/^.*?-----END PRIVATE KEY-----\n/s, '')}`, /not the certificate's/],
  ] as const) {
    const certificate = new StringSource(pem, 'text')
    const { entra, provider } = await azure(t, {
      credential: { clientCertificate: { tenantId, clientId, certificate } },
    })
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'unavailable', reason: 'credential', message: words })
    t.match(error.message, 'credential.clientCertificate.certificate: the configuration holds')
    t.notMatch(error.message, pem.slice(30, 60))
    leaksNothing(t, error)
    t.equal(entra.signIns, 0)
  }
})

t.test('without a credential the environment says which, in the order of the SDKs', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-assertion' }), 'token')
  const { entra, vault, provider } = await azure(t, { credential: undefined })
  vault.set('key', 'CANARY-value')
  setEnvironment(t, { ...unset, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: clientId })
  setEnvironment(t, { AZURE_CLIENT_SECRET: 'CANARY-client-secret', AZURE_FEDERATED_TOKEN_FILE: file })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.equal(entra.signIns, 1)
})

t.test('without a credential the token of the service account comes before the machine', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-assertion' }), 'token')
  const { vault, provider } = await azure(t, { credential: undefined }, {}, { assertion: 'CANARY-assertion' })
  vault.set('key', 'CANARY-value')
  setEnvironment(t, unset)
  setEnvironment(t, {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_FEDERATED_TOKEN_FILE: file,
  })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
})

t.test('each refusal says what to do, by its number alone', async (t) => {
  const { entra, provider } = await azure(t)
  for (const [code, words] of [
    [7000215, /the client secret is not accepted\. Use its value, not its id \(AADSTS7000215, status 401\)/],
    [7000222, /has expired/],
    [700016, /no such application\. Check clientId and tenantId/],
    [70021, /issuer, subject .* and audience/],
    [700211, /OIDC issuer URL/],
    [700212, /api:\/\/AzureADTokenExchange/],
    [700213, /system:serviceaccount:NAMESPACE:NAME/],
    [700024, /not valid at this time/],
    [90002, /no such tenant/],
    [123456, /the sign-in of application .* is refused.*\(AADSTS123456, status 401\)/],
  ] as const) {
    entra.fault = refusal(401, code)
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, { kind: 'denied', reason: 'denied', message: words }, `AADSTS${code}`)
    t.match(error.message, `POST ${entra.origin}/${tenantId}/oauth2/v2.0/token`)
    leaksNothing(t, error)
  }
})

t.test('a wrong secret and an unknown application are refused by a strict endpoint', async (t) => {
  const wrong = { clientSecret: { tenantId, clientId, clientSecret: new StringSource('CANARY-wrong') } }
  const { provider } = await azure(t, { credential: wrong })
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'denied', message: /AADSTS7000215/ })
  leaksNothing(t, error)
})

t.test('what else the endpoint does is told by its kind', async (t) => {
  const { entra, provider } = await azure(t, { timeout: 1000 })
  const hangUp: Handler = (request) => void request.socket.destroy()
  const token = (token: unknown, more = {}): Handler =>
    answer(200, JSON.stringify({ token_type: 'Bearer', expires_in: 3600, access_token: token, ...more }))
  for (const [what, fault, expected] of [
    ['throttles', refusal(429, 90055, { 'retry-after': '9' }), { kind: 'throttled', retryAfterMs: 9000 }],
    ['fails', answer(500, 'CANARY-stack'), { kind: 'unavailable', reason: 'status' }],
    ['is no such endpoint', answer(404, 'CANARY-page'), { kind: 'unavailable', reason: 'status' }],
    [
      'redirects',
      answer(302, '', { location: 'https://CANARY.example' }),
      { kind: 'unavailable', reason: 'redirect' },
    ],
    ['says nothing of why', answer(400, 'CANARY-nothing'), { kind: 'denied', reason: 'denied' }],
    ['gives no JSON', answer(200, '<html>CANARY'), { kind: 'unavailable', reason: 'malformed' }],
    ['gives a list', answer(200, '["CANARY"]'), { kind: 'unavailable', reason: 'malformed' }],
    ['gives nothing', answer(200, '{}'), { kind: 'unavailable', reason: 'credential' }],
    ['gives a broken token', token('CANARY-two words'), { kind: 'unavailable', reason: 'credential' }],
    [
      'gives an old token',
      token('CANARY-old', { expires_in: 0 }),
      { kind: 'unavailable', reason: 'credential' },
    ],
    ['gives too much', token('CANARY'.repeat(100_000)), { kind: 'unavailable', reason: 'oversized' }],
    ['hangs up', hangUp, { kind: 'unavailable', reason: 'reset' }],
    ['is no HTTP', faults.noHttp, { kind: 'unavailable', reason: 'malformed' }],
  ] as const) {
    entra.fault = fault
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, expected, `${what}: ${error.message}`)
    t.match(error.message, /^provider "backend": /)
    leaksNothing(t, error)
  }
})

t.test('an authority that is not there is told, with the option that names it', async (t) => {
  const { entra, provider } = await azure(t)
  await entra.backend.stop()
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'refused', message: /the port in authorityHost/ })
})

t.test('an authority that the environment names wrongly is told as such', async (t) => {
  const { provider } = await azure(t, { authorityHost: undefined })
  for (const host of [
    'login.microsoftonline.com',
    'http://login.example',
    'https://CANARY/x',
    'https://a:99999',
  ]) {
    setEnvironment(t, { AZURE_AUTHORITY_HOST: host })
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, {
      kind: 'unavailable',
      reason: 'credential',
      message: /AZURE_AUTHORITY_HOST is no address/,
    })
    leaksNothing(t, error)
  }
})

t.test('an authority that sends the credential elsewhere does not get it there', async (t) => {
  const { entra, provider } = await azure(t)
  const elsewhere = await azure(t)
  entra.backend.handler = answer(
    200,
    JSON.stringify({
      token_endpoint: `${elsewhere.entra.origin}/${tenantId}/oauth2/v2.0/token`,
      authorization_endpoint: `${entra.origin}/authorize`,
      issuer: `${entra.origin}/${tenantId}/v2.0`,
      jwks_uri: `${entra.origin}/keys`,
    }),
  )
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'unavailable',
    reason: 'redirect',
    message: /another host than authorityHost, and was not made/,
  })
  t.strictSame(elsewhere.entra.backend.requests, [])
})

t.test('a credential that cannot be read is told by its place', async (t) => {
  const file = join(t.testdir({}), 'absent')
  const { provider, vault } = await azure(t, {
    credential: { clientSecret: { tenantId, clientId, clientSecret: new StringSource({ file }) } },
  })
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'credential' })
  t.match(error.message, `credential.clientSecret.clientSecret: file ${file} cannot be read (ENOENT)`)
  t.strictSame(vault.asked, [])
})
