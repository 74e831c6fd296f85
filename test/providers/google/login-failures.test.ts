import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { GoogleSecretManagerConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { ProviderError } from '../../../src/secrets/provider.ts'
import {
  type FakeGoogle,
  type GoogleAnswer,
  googleError,
  startFakeGoogle,
} from '../../support/fake-google.ts'
import { oauthError } from '../../support/fake-google-logins.ts'
import { failureOf, leaksNothing, signal } from '../conformance.ts'
import { environment, googleProvider, literal } from './support.ts'

/** Why the key `key` cannot be had, which nothing is shown of. */
async function why(
  t: Test,
  google: FakeGoogle,
  more: Partial<GoogleSecretManagerConfig> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<ProviderError> {
  const provider = googleProvider(t, google, more, { env: environment(google, env) })
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.ok(error.message.startsWith('provider "backend": '), error.message)
  leaksNothing(t, error)
  return error
}

type Credentials = (google: FakeGoogle, folder: string) => object

const key: Credentials = ({ logins }) => logins.serviceAccount()
const user: Credentials = ({ logins }) => logins.authorizedUser()
const federated: Credentials = ({ logins }, folder) => {
  writeFileSync(join(folder, 'token'), logins.subjectToken)
  return logins.externalAccount({ file: join(folder, 'token') })
}
const acting: Credentials = ({ logins }) => ({
  type: 'impersonated_service_account',
  service_account_impersonation_url: logins.impersonationUrl(),
  source_credentials: logins.serviceAccount(),
})

const denied = { kind: 'denied', reason: 'denied' }
const credential = { kind: 'unavailable', reason: 'credential' }

interface Answered {
  readonly with: Credentials
  readonly answer: GoogleAnswer
  readonly is: { readonly kind: string; readonly reason: string; readonly retryAfterMs?: number }
  readonly says: RegExp
}

const answered: readonly Answered[] = [
  {
    with: key,
    answer: oauthError('invalid_grant', 'Invalid JWT: CANARY'),
    is: denied,
    says: /was deleted, disabled or has expired, or the clock of this machine is wrong.*\(400 invalid_grant\)/,
  },
  { with: user, answer: oauthError('invalid_grant'), is: denied, says: /Renew them \(400 invalid_grant\)/ },
  {
    with: user,
    answer: oauthError('invalid_client', 'x', 401),
    is: denied,
    says: /the client of the credentials/,
  },
  {
    with: key,
    answer: oauthError('unauthorized_client'),
    is: denied,
    says: /Check the account that they are of/,
  },
  {
    with: key,
    answer: oauthError('CANARY_code'),
    is: { kind: 'unavailable', reason: 'status' },
    says: /Check the URL in the credentials \(status 400\)/,
  },
  {
    with: key,
    answer: { status: 404, body: '<html>CANARY</html>' },
    is: { kind: 'unavailable', reason: 'status' },
    says: /\(status 404\)/,
  },
  {
    with: key,
    answer: { status: 302, headers: { location: 'https://CANARY.test' } },
    is: { kind: 'unavailable', reason: 'status' },
    says: /\(status 302\)/,
  },
  {
    with: key,
    answer: { status: 429, body: 'CANARY', headers: { 'retry-after': '7' } },
    is: { kind: 'throttled', reason: 'throttled', retryAfterMs: 7000 },
    says: /fewer calls/,
  },
  {
    with: key,
    answer: { status: 503, body: 'CANARY' },
    is: { kind: 'unavailable', reason: 'status' },
    says: /what gives access tokens failed \(status 503\)/,
  },
  {
    with: federated,
    answer: oauthError('invalid_target', 'CANARY pool'),
    is: denied,
    says: /no such workload identity pool or provider.*Check audience/,
  },
  {
    with: federated,
    answer: oauthError('invalid_grant', 'CANARY: The audience in ID Token [CANARY] does not match'),
    is: denied,
    says: /the token is for another audience/,
  },
  {
    with: federated,
    answer: oauthError('invalid_grant', 'CANARY: ID Token issued at 1 is stale to sign-in.'),
    is: denied,
    says: /the token to be exchanged has expired/,
  },
  {
    with: federated,
    answer: oauthError('invalid_grant', 'The issuer CANARY is not allowed'),
    is: denied,
    says: /is of another issuer/,
  },
  {
    with: federated,
    answer: oauthError('unauthorized_client', 'rejected by the attribute condition. CANARY'),
    is: denied,
    says: /attribute condition rejects the token/,
  },
  { with: federated, answer: oauthError('invalid_client', 'CANARY', 401), is: denied, says: /client_secret/ },
  {
    with: federated,
    answer: oauthError('invalid_request', 'CANARY'),
    is: denied,
    says: /Check its issuer, audience, subject and expiry.*\(400 invalid_request\)/,
  },
]

for (const [at, { with: credentials, answer, is, says }] of answered.entries()) {
  t.test(`${is.kind} is what a token endpoint means (${at}): ${says.source.slice(0, 40)}`, async (t) => {
    const google = await startFakeGoogle(t)
    google.intercept = ({ url }) => (url.pathname.endsWith('/token') ? answer : undefined)
    const error = await why(t, google, {
      credentials: literal(credentials(google, t.testdir({}))),
      project: 'my-project',
    })
    t.match(error, { ...is, message: says })
    t.match(error.message, /POST http:\/\/127\.0\.0\.1:\d+(\/v1)?\/token: /)
  })
}

t.test('who may not be acted as, and where that is switched off', async (t) => {
  const google = await startFakeGoogle(t)
  const { target } = google.logins
  google.logins.mayImpersonate = false
  const refused = {
    ...denied,
    message: /roles\/iam\.serviceAccountTokenCreator on it \(403 IAM_PERMISSION_DENIED\)/,
  }
  for (const more of [
    { impersonate: target },
    { impersonate: target, credentials: literal(key(google, '')) },
    { credentials: literal(acting(google, '')) },
  ]) {
    t.match(await why(t, google, more), refused)
  }
  for (const [answer, expected] of [
    [
      googleError(403, 'PERMISSION_DENIED', { reason: 'SERVICE_DISABLED' }),
      { ...denied, message: /Enable iamcredentials\.googleapis\.com/ },
    ],
    [googleError(404, 'NOT_FOUND'), { ...denied, message: /there is none of this name/ }],
    [googleError(503, 'UNAVAILABLE'), { kind: 'unavailable', reason: 'status' }],
    [googleError(429, 'RESOURCE_EXHAUSTED'), { kind: 'throttled' }],
    [
      { status: 200, body: 'CANARY' },
      { kind: 'unavailable', reason: 'malformed' },
    ],
    [
      { status: 200, body: '{"accessToken":["CANARY"]}' },
      { kind: 'unavailable', reason: 'malformed' },
    ],
  ] as const) {
    google.intercept = ({ url }) => (url.pathname.endsWith(':generateAccessToken') ? answer : undefined)
    t.match(await why(t, google, { impersonate: target }), expected)
  }
})

t.test('an answer that holds no token is malformed', async (t) => {
  const google = await startFakeGoogle(t)
  for (const body of [
    '',
    'CANARY',
    '"CANARY"',
    'null',
    '{}',
    '{"access_token":"","expires_in":3600}',
    '{"access_token":7,"expires_in":3600}',
    '{"access_token":"CANARY with spaces","expires_in":3600}',
    '{"access_token":"CANARY\\r\\nx: y","expires_in":3600}',
    `{"access_token":"CANARY-${'x'.repeat(20_000)}","expires_in":3600}`,
  ]) {
    for (const more of [
      {},
      { credentials: literal(key(google, '')) },
      { credentials: literal(federated(google, t.testdir({}))) },
    ]) {
      google.intercept = ({ url }) =>
        url.pathname.endsWith('/token')
          ? { status: 200, body, headers: { 'metadata-flavor': 'Google' } }
          : undefined
      const error = await why(t, google, { project: 'my-project', ...more })
      t.equal(error.kind, 'unavailable')
      t.ok(['malformed', 'credential'].includes(error.reason), `${body.slice(0, 40)}: ${error.message}`)
    }
  }
})

t.test('a lifetime that is none lets a token be used once, and not for ever', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.add('key', 'CANARY-value')
  for (const seconds of ['"CANARY"', 'null', '-5', '1e999', '{}']) {
    google.intercept = ({ url }) => {
      if (!url.pathname.endsWith('/token')) return undefined
      const body = `{"access_token":"CANARY-token","expires_in":${seconds}}`
      return { status: 200, body, headers: { 'metadata-flavor': 'Google' } }
    }
    const provider = googleProvider(t, google, { credentials: literal(key(google, '')) })
    google.requests.length = 0
    for (let n = 0; n < 2; n++) await provider.fetch(['key'], signal())
    t.ok(google.asked('/token').length >= 2, seconds)
  }
})

t.test('an answer that is larger than any token is cut', async (t) => {
  const google = await startFakeGoogle(t)
  google.intercept = ({ url }) =>
    url.pathname === '/token' ? { status: 200, body: `CANARY-${'x'.repeat(100_000)}` } : undefined
  t.match(await why(t, google, { credentials: literal(key(google, '')) }), { reason: 'oversized' })
})

t.test('a token endpoint that is not there, or hangs up', async (t) => {
  const google = await startFakeGoogle(t)
  const gone = await startFakeGoogle(t)
  const credentials = literal({ ...key(google, ''), token_uri: `${gone.origin}/token` })
  gone.intercept = (_request, { request }) => {
    request.socket.resetAndDestroy()
    return 'handled'
  }
  t.match(await why(t, google, { credentials }), { kind: 'unavailable', reason: 'reset' })
  await gone.stop()
  t.match(await why(t, google, { credentials }), {
    kind: 'unavailable',
    reason: 'refused',
    message: /port in credentials/,
  })
})

t.test('credentials that cannot be read name the place and what named it', async (t) => {
  const google = await startFakeGoogle(t)
  const folder = t.testdir({})
  const absent = join(folder, 'absent.json')
  const from = (file: string) => new StringSource({ file }, 'text')
  t.match(await why(t, google, { credentials: from(absent) }), {
    ...credential,
    message: `credentials: file ${absent} cannot be read (ENOENT)`,
  })
  t.match(await why(t, google, {}, { GOOGLE_APPLICATION_CREDENTIALS: absent }), {
    ...credential,
    message: /GOOGLE_APPLICATION_CREDENTIALS: the file that it names cannot be read \(ENOENT\)/,
  })
  t.match(await why(t, google, { credentials: from(folder) }), {
    ...credential,
    message: /is no regular file/,
  })
  mkdirSync(join(folder, 'application_default_credentials.json'))
  t.match(await why(t, google, {}, { CLOUDSDK_CONFIG: folder }), {
    ...credential,
    message:
      /gcloud: application_default_credentials\.json in the folder of CLOUDSDK_CONFIG is no regular file/,
  })
  t.same(google.requests, [], 'nobody else is asked then: who named a file means that one')
})

t.test('what was put into a variable in place of a path is not quoted', async (t) => {
  const google = await startFakeGoogle(t)
  const long = `CANARY-${'x'.repeat(300)}`
  const json = JSON.stringify({ type: 'service_account', private_key: 'CANARY-key' })
  for (const [variables, message] of [
    [{ GOOGLE_APPLICATION_CREDENTIALS: json }, /GOOGLE_APPLICATION_CREDENTIALS holds the JSON itself/],
    [{ GOOGLE_APPLICATION_CREDENTIALS: `\n ${json}` }, /holds the JSON itself, and wants the path of a file/],
    [{ GOOGLE_APPLICATION_CREDENTIALS: 'CANARY-token' }, /the file that it names cannot be read \(ENOENT\)/],
    [{ GOOGLE_APPLICATION_CREDENTIALS: long }, /the file that it names cannot be read \(ENAMETOOLONG\)/],
    [{ CLOUDSDK_CONFIG: long }, /in the folder of CLOUDSDK_CONFIG cannot be read \(ENAMETOOLONG\)/],
    [{ HOME: long }, /in \.config\/gcloud of HOME cannot be read \(ENAMETOOLONG\)/],
  ] as const) {
    t.match(await why(t, google, {}, variables), { ...credential, message })
  }
})

t.test('a variable that holds no project is told, and not taken for unset', async (t) => {
  const google = await startFakeGoogle(t)
  for (const variable of ['GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT', 'GOOGLE_CLOUD_QUOTA_PROJECT']) {
    t.match(await why(t, google, {}, { [variable]: 'CANARY Project' }), {
      ...credential,
      message: new RegExp(`${variable} is set, and holds neither the ID nor the number of a project`),
    })
  }
  t.same(google.requests, [])
  google.secrets.add('key', 'CANARY-value')
  const env = environment(google, { GOOGLE_CLOUD_PROJECT: ' my-project\n', GCLOUD_PROJECT: '' })
  t.ok((await googleProvider(t, google, {}, { env }).fetch(['key'], signal())).has('key'))
})

t.test('credentials that are of no use say which member is wrong, and quote none', async (t) => {
  const google = await startFakeGoogle(t)
  const { logins } = google
  const folder = t.testdir({})
  const account = (source: object, more: object = {}) => logins.externalAccount({ ...source }, { ...more })
  const file = join(folder, 'token.json')
  writeFileSync(file, '{"other":"CANARY-token"}')
  const format = { type: 'json', subject_token_field_name: 'id_token' }
  for (const [json, says] of [
    ['CANARY-no-json', /is no JSON object/],
    ['["CANARY"]', /is no JSON object/],
    ['{"type":"CANARY-type"}', /has another type than/],
    ['{}', /has another type than/],
    ['{"__proto__":{"type":"service_account"}}', /has another type than/],
    [{ type: 'gdch_service_account' }, /has another type than/],
    [logins.serviceAccount({ private_key: undefined }), /has no private_key\./],
    [logins.serviceAccount({ private_key: 'CANARY-key' }), /has a private_key that is none/],
    [logins.serviceAccount({ client_email: 7 }), /has no client_email\./],
    [logins.serviceAccount({ token_uri: 'CANARY' }), /has a token_uri that is no URL/],
    [logins.serviceAccount({ token_uri: 'file:///CANARY' }), /has a token_uri that is no URL/],
    [logins.authorizedUser({ refresh_token: '' }), /has no refresh_token\./],
    [logins.externalAccount({}, { credential_source: 'CANARY' }), /has no credential_source\./],
    [account({ executable: { command: 'CANARY' } }), /Use one with a file or a url/],
    [account({ certificate: { CANARY: true } }), /Use one with a file or a url/],
    [account({ file: join(folder, 'absent') }), /credential_source: file .*absent cannot be read \(ENOENT\)/],
    [account({ file, format }), /has no token in the field of its format/],
    [account({ file: '/dev/null' }), /is no regular file/],
    [account({}), /cannot be made an access token of/],
    [account({ url: 'CANARY' }), /cannot be made an access token of/],
    [account({ file }, { audience: undefined }), /has no audience\./],
    [account({ file }, { client_id: 7 }), /has a client_id that is no string/],
    [account({ file }, { token_url: 'CANARY' }), /cannot be made an access token of/],
    [account({ environment_id: 'aws9' }), /has no regional_cred_verification_url/],
    [
      { type: 'impersonated_service_account', source_credentials: logins.serviceAccount() },
      /service_account_impersonation_url/,
    ],
    [
      { ...acting(google, ''), service_account_impersonation_url: `${google.origin}/CANARY` },
      /service_account_impersonation_url/,
    ],
    [
      { ...acting(google, ''), source_credentials: acting(google, '') },
      /has no source_credentials, or such as/,
    ],
  ] as const) {
    const text = typeof json === 'string' ? json : JSON.stringify(json)
    const error = await why(t, google, { credentials: new StringSource(text, 'text'), project: 'my-project' })
    t.match(error, { ...credential, message: says })
  }
  t.same(google.requests, [])
})

t.test('a source of tokens that gives none', async (t) => {
  const google = await startFakeGoogle(t)
  const url = `${google.origin}/subject-token`
  const more = { project: 'my-project', credentials: literal(google.logins.externalAccount({ url })) }
  t.match(await why(t, google, more), {
    ...credential,
    message: /GET .*\/subject-token: .*Check credential_source/,
  })
})

t.test('where nothing gives credentials, all places are named', async (t) => {
  const google = await startFakeGoogle(t)
  const reasons: [NodeJS.ProcessEnv, RegExp][] = [
    [{ METADATA_SERVER_DETECTION: 'none' }, /METADATA_SERVER_DETECTION is none/],
    [{ GCE_METADATA_HOST: 'a/b' }, /GCE_METADATA_HOST is no host name/],
    [{ GCE_METADATA_HOST: 'user@127.0.0.1:1' }, /GCE_METADATA_HOST is no host name/],
    [{ GCE_METADATA_HOST: '127.0.0.1:99999' }, /GCE_METADATA_HOST is no host name/],
    [
      { GCE_METADATA_HOST: `${'a'.repeat(64)}.invalid` },
      /no metadata server answers at http:\/\/a+\.invalid \(dns\)/,
    ],
  ]
  for (const [env, says] of reasons) {
    const error = await why(t, google, {}, { HOME: '/nowhere', ...env })
    t.match(error, { ...credential, message: says })
    t.match(error.message, /GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has left none/)
  }
  const env = environment(google)
  await google.stop()
  t.match(await why(t, google, {}, env), {
    ...credential,
    message: /no metadata server answers at .* \(refused\)/,
  })
})

t.test('what the metadata server says', async (t) => {
  const google = await startFakeGoogle(t)
  const headers = { 'metadata-flavor': 'Google' }
  for (const [answer, expected] of [
    [
      { status: 200, body: '{"access_token":"CANARY"}' },
      { ...credential, message: /is no metadata server of Google/ },
    ],
    [
      { status: 404, headers },
      { ...credential, message: /no service account is attached/ },
    ],
    [
      { status: 403, body: 'CANARY', headers },
      { ...denied, message: /roles\/iam\.workloadIdentityUser/ },
    ],
    [
      { status: 429, headers: { ...headers, 'retry-after': '3' } },
      { kind: 'throttled', retryAfterMs: 3000 },
    ],
    [
      { status: 500, body: 'CANARY', headers },
      { kind: 'unavailable', reason: 'status' },
    ],
  ] as const) {
    google.intercept = () => answer
    t.match(await why(t, google), expected)
  }
  google.intercept = ({ url }) =>
    url.pathname.endsWith('/project-id') ? { status: 200, body: '../CANARY', headers } : undefined
  t.match(await why(t, google), { kind: 'unavailable', reason: 'malformed' })
})
