import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { GoogleSecretManagerConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { type FakeGoogle, startFakeGoogle } from '../../support/fake-google.ts'
import { signal, text } from '../conformance.ts'
import { environment, googleProvider, literal } from './support.ts'

async function started(t: Test): Promise<FakeGoogle> {
  const google = await startFakeGoogle(t)
  google.secrets.add('key', 'CANARY-value')
  return google
}

async function reads(t: Test, provider: Provider, message = 'it is read'): Promise<void> {
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value', message)
}

/** The paths of the logins, in order. */
function steps(google: FakeGoogle): string[] {
  return google.requests.map(({ url }) => url.pathname).filter((path) => !path.endsWith(':access'))
}

const metadataToken = '/computeMetadata/v1/instance/service-accounts/default/token'
const metadataProject = '/computeMetadata/v1/project/project-id'

function written(t: Test, json: object, name = 'credentials.json'): string {
  const file = join(t.testdir({}), name)
  writeFileSync(file, JSON.stringify(json))
  return file
}

t.test(
  'the credentials may be a key of a service account, written in the configuration or in a file',
  async (t) => {
    const google = await started(t)
    const key = google.logins.serviceAccount()
    const file = written(t, key)
    await reads(t, googleProvider(t, google, { credentials: literal(key) }))
    await reads(t, googleProvider(t, google, { credentials: new StringSource({ file }, 'text') }))
    t.same(steps(google), ['/token', '/token'])
  },
)

t.test('by default they are what GOOGLE_APPLICATION_CREDENTIALS names', async (t) => {
  const google = await started(t)
  const env = environment(google, {
    GOOGLE_APPLICATION_CREDENTIALS: written(t, google.logins.serviceAccount()),
  })
  await reads(t, googleProvider(t, google, {}, { env }))
  t.same(steps(google), ['/token'])
})

t.test('else what gcloud has left, in its folder or where CLOUDSDK_CONFIG says', async (t) => {
  const google = await started(t)
  const home = t.testdir({})
  const folder = join(home, '.config', 'gcloud')
  mkdirSync(folder, { recursive: true })
  const user = JSON.stringify(google.logins.authorizedUser({ quota_project_id: 'quota-project' }))
  writeFileSync(join(folder, 'application_default_credentials.json'), user)
  for (const where of [{ HOME: home }, { HOME: '/nowhere', CLOUDSDK_CONFIG: folder }]) {
    const env = environment(google, { ...where, GOOGLE_CLOUD_PROJECT: 'my-project' })
    await reads(t, googleProvider(t, google, {}, { env }))
  }
  t.same(steps(google), ['/token', '/token'])
  t.same(
    google.requests
      .filter(({ url }) => url.pathname.endsWith(':access'))
      .map(({ headers }) => headers['x-goog-user-project']),
    ['quota-project', 'quota-project'],
  )
})

t.test('else the service account that the metadata server has', async (t) => {
  const google = await started(t)
  await reads(t, googleProvider(t, google, {}, { env: environment(google, { HOME: '/nowhere' }) }))
  t.same(steps(google), [metadataToken, metadataProject])
})

t.test(
  'the project is configured, or of the environment, or of the credentials, or of the machine',
  async (t) => {
    const google = await started(t)
    const key = google.logins.serviceAccount({ project_id: 'my-project' })
    const keyless = google.logins.serviceAccount({ project_id: undefined })
    const asked = async (
      more: Partial<GoogleSecretManagerConfig>,
      env: NodeJS.ProcessEnv = {},
    ): Promise<string[]> => {
      google.requests.length = 0
      await googleProvider(t, google, more, { env: environment(google, env) }).fetch(['key'], signal())
      return google.asked(':access').map((path) => path.split('/')[3] ?? '')
    }
    const variables = { GOOGLE_CLOUD_PROJECT: 'of-variable', GCLOUD_PROJECT: 'of-other-one' }
    t.same(await asked({ credentials: literal(key), project: 'of-option' }, variables), ['of-option'])
    t.same(await asked({ credentials: literal(key) }, variables), ['of-variable'])
    t.same(await asked({ credentials: literal(key) }, { GCLOUD_PROJECT: 'of-other-one' }), ['of-other-one'])
    const wrong = await asked({ credentials: literal(key) }, { GOOGLE_CLOUD_PROJECT: '../no-project' }).catch(
      () => google.asked(':access'),
    )
    t.same(wrong, [], 'what is no project is not taken for unset')
    t.same(await asked({ credentials: literal(key) }), ['my-project'])
    t.same(await asked({}), ['my-project'], 'of the machine')
    t.same(await asked({ project: 'of-option' }), ['of-option'])
    t.notOk(steps(google).includes(metadataProject), 'which is not asked for its project then')
    t.same(await asked({ credentials: literal(keyless) }), [], 'where nothing says so, nothing is asked for')
  },
)

t.test('where the project is not known, keys that name one are found all the same', async (t) => {
  const google = await started(t)
  const keyless = google.logins.serviceAccount({ project_id: undefined })
  const provider = googleProvider(t, google, { credentials: literal(keyless) })
  const full = 'projects/my-project/secrets/key'
  const result = await provider.fetch([full], signal())
  t.equal(text(result.get(full)), 'CANARY-value')
  const error = (await provider.fetch(['key'], signal())).get('key')
  t.match(error, { kind: 'unavailable', reason: 'credential', message: /name no project\. Set project, or/ })
})

t.test('the quota project is configured, or of the environment, or of the credentials', async (t) => {
  const google = await started(t)
  const credentials = literal(google.logins.serviceAccount({ quota_project_id: 'of-credentials' }))
  const asked = async (more: Partial<GoogleSecretManagerConfig>, env: NodeJS.ProcessEnv = {}) => {
    await reads(t, googleProvider(t, google, { credentials, ...more }, { env: environment(google, env) }))
    return google.requests.at(-1)?.headers['x-goog-user-project']
  }
  const env = { GOOGLE_CLOUD_QUOTA_PROJECT: 'of-variable' }
  t.equal(await asked({ quotaProject: 'of-option' }, env), 'of-option')
  t.equal(await asked({}, env), 'of-variable')
  t.equal(await asked({}), 'of-credentials')
})

t.test('a token of another identity provider is exchanged, from a file', async (t) => {
  const google = await started(t)
  const file = join(t.testdir({}), 'token')
  writeFileSync(file, `${google.logins.subjectToken}\n`)
  const account = google.logins.externalAccount({ file })
  const provider = googleProvider(t, google, { credentials: literal(account), project: 'my-project' })
  await reads(t, provider, 'a line break at its end is none of the token')
  writeFileSync(file, 'CANARY-next-token')
  google.logins.subjectToken = 'CANARY-next-token'
  google.logins.revoke()
  await reads(t, provider, 'the file is read again for the next login')
  t.same(steps(google), ['/v1/token', '/v1/token'])
})

t.test('or from a field of a JSON file', async (t) => {
  const google = await started(t)
  const file = written(t, { access: { CANARY: 1 }, id_token: google.logins.subjectToken }, 'token.json')
  const format = { type: 'json', subject_token_field_name: 'id_token' }
  const account = google.logins.externalAccount({ file, format })
  await reads(t, googleProvider(t, google, { credentials: literal(account), project: 'my-project' }))
})

t.test('or from a URL', async (t) => {
  const google = await started(t)
  const account = google.logins.externalAccount({
    url: `${google.origin}/subject-token`,
    headers: { 'X-Asks': 'for-a-token' },
    format: { type: 'json', subject_token_field_name: 'token' },
  })
  await reads(t, googleProvider(t, google, { credentials: literal(account), project: 'my-project' }))
  t.same(steps(google), ['/subject-token', '/v1/token'])
})

t.test('or from what AWS says of its own machine', async (t) => {
  const google = await started(t)
  google.intercept = ({ url, method, headers, body }) => {
    const isAsked = headers['x-aws-ec2-metadata-token'] === 'CANARY-session'
    if (url.pathname === '/aws/session' && method === 'PUT') return { status: 200, body: 'CANARY-session' }
    if (url.pathname === '/aws/region' && isAsked) return { status: 200, body: 'eu-central-1b' }
    if (url.pathname === '/aws/roles' && isAsked) return { status: 200, body: 'role' }
    if (url.pathname === '/aws/roles/role' && isAsked) {
      const keys = { AccessKeyId: 'CANARY-id', SecretAccessKey: 'CANARY-secret', Token: 'CANARY-token' }
      return { status: 200, body: JSON.stringify(keys) }
    }
    if (url.pathname !== '/v1/token') return undefined
    const signed = JSON.parse(decodeURIComponent(new URLSearchParams(body).get('subject_token') ?? ''))
    t.equal(signed.url, 'https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15')
    google.logins.subjectToken = new URLSearchParams(body).get('subject_token') ?? ''
    return undefined
  }
  const account = google.logins.externalAccount({
    environment_id: 'aws1',
    region_url: `${google.origin}/aws/region`,
    url: `${google.origin}/aws/roles`,
    imdsv2_session_token_url: `${google.origin}/aws/session`,
    regional_cred_verification_url:
      'https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15',
  })
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    const before = process.env[name]
    delete process.env[name]
    if (before !== undefined) t.teardown(() => (process.env[name] = before))
  }
  await reads(t, googleProvider(t, google, { credentials: literal(account), project: 'my-project' }))
})

t.test('an external account may act as a service account', async (t) => {
  const google = await started(t)
  const file = join(t.testdir({}), 'token')
  writeFileSync(file, google.logins.subjectToken)
  const account = google.logins.externalAccount(
    { file },
    { service_account_impersonation_url: google.logins.impersonationUrl() },
  )
  await reads(t, googleProvider(t, google, { credentials: literal(account), project: 'my-project' }))
  t.match(steps(google), ['/v1/token', /:generateAccessToken$/])
})

t.test(
  'so may whatever credentials there are, where the configuration says whom to impersonate',
  async (t) => {
    const google = await started(t)
    const impersonate = google.logins.target
    await reads(t, googleProvider(t, google, { impersonate }))
    t.match(steps(google), [metadataToken, /:generateAccessToken$/, metadataProject])
    google.requests.length = 0
    await reads(
      t,
      googleProvider(t, google, { impersonate, credentials: literal(google.logins.serviceAccount()) }),
    )
    t.match(steps(google), ['/token', /:generateAccessToken$/])
  },
)

t.test('and so do credentials that were made for it', async (t) => {
  const google = await started(t)
  const credentials = literal({
    type: 'impersonated_service_account',
    service_account_impersonation_url: google.logins.impersonationUrl(),
    source_credentials: google.logins.authorizedUser(),
    delegates: [],
  })
  await reads(t, googleProvider(t, google, { credentials, project: 'my-project' }))
  t.match(steps(google), ['/token', /:generateAccessToken$/])
})

t.test('a key that is replaced is used for the next token', async (t) => {
  const google = await started(t)
  const file = written(
    t,
    google.logins.serviceAccount({ client_email: 'former@my-project.iam.gserviceaccount.com' }),
  )
  const provider = googleProvider(t, google, { credentials: new StringSource({ file }, 'text') })
  t.match((await provider.fetch(['key'], signal())).get('key'), { kind: 'denied' })
  writeFileSync(file, JSON.stringify(google.logins.serviceAccount()))
  await reads(t, provider)
})

t.test('neither a proxy of the environment nor a log of the library gets to see a token', async (t) => {
  const google = await started(t)
  const shown: string[] = []
  const write = process.stderr.write
  process.stderr.write = (chunk: string | Uint8Array) => {
    shown.push(String(chunk))
    return true
  }
  const before = { ...process.env }
  // A port that nobody listens on: a request that went there would fail.
  Object.assign(process.env, {
    HTTPS_PROXY: 'http://127.0.0.1:1',
    HTTP_PROXY: 'http://127.0.0.1:1',
    GOOGLE_SDK_NODE_LOGGING: '*',
  })
  t.teardown(() => {
    process.stderr.write = write
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'GOOGLE_SDK_NODE_LOGGING']) delete process.env[name]
    Object.assign(process.env, before)
  })
  await reads(t, googleProvider(t, google, { credentials: literal(google.logins.serviceAccount()) }))
  await reads(t, googleProvider(t, google, { impersonate: google.logins.target }))
  t.same(shown, [])
})
