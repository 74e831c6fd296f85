import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AwsSecretsManagerConfig } from '../../../src/config/schema.ts'
import { Transport } from '../../../src/providers/aws/transport.ts'
import { systemClock } from '../../../src/secrets/clock.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { type FakeAws, startFakeAws } from '../../support/fake-aws.ts'
import { FakeError } from '../../support/fake-aws-services.ts'
import { type Brought, failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { environment, putSecret, secretsManager, staticKeys } from './support.ts'

const roleArn = 'arn:aws:iam::123456789012:role/payments'

async function started(t: Test, variables: Readonly<Record<string, string>>): Promise<FakeAws> {
  const fake = await startFakeAws(t)
  putSecret(fake, 'a', 'CANARY-a')
  const { origin } = fake
  const urls = Object.entries(variables).map(([name, value]) => [name, value.replace('{origin}', origin)])
  environment(t, { AWS_ENDPOINT_URL_STS: origin, ...Object.fromEntries(urls) })
  return fake
}

const provide = (t: Test, fake: FakeAws, more: Partial<AwsSecretsManagerConfig> = {}): Promise<Provider> =>
  secretsManager(t, fake.origin, more)

async function get(provider: Provider): Promise<Brought | undefined> {
  return (await provider.fetch(['a'], signal())).get('a')
}

t.test('the environment’s variables say where and as whom, where the configuration does not', async (t) => {
  const fake = await started(t, { ...staticKeys, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: '{origin}' })
  const provider = await provide(t, fake, { endpoint: undefined, region: undefined } as object)
  t.equal(text(await get(provider)), 'CANARY-a')
  const scope = fake.backend.requests[0]?.headers.authorization ?? ''
  t.match(scope, 'AKIATEST/')
  t.match(scope, '/eu-west-1/secretsmanager/aws4_request')
})

t.test('AWS_ENDPOINT_URL_SECRETS_MANAGER goes ahead of AWS_ENDPOINT_URL', async (t) => {
  const fake = await started(t, {
    ...staticKeys,
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: '{origin}',
  })
  t.equal(text(await get(await provide(t, fake, { endpoint: undefined } as object))), 'CANARY-a')
})

t.test('without a region nobody is asked, and the remedy is told', async (t) => {
  const fake = await started(t, { ...staticKeys, AWS_DEFAULT_REGION: 'eu-west-1' })
  const error = await failureOf(
    (await provide(t, fake, { region: undefined } as object)).fetch(['key'], signal()),
  )
  t.match(error, {
    kind: 'unavailable',
    reason: 'credential',
    message: /no region is known\. Set region, or AWS_REGION/,
  })
  t.same(fake.calls, [])
})

t.test('without credentials nobody is asked, and the ways to give some are told', async (t) => {
  const fake = await started(t, {})
  const error = await get(await provide(t, fake))
  t.match(error, {
    kind: 'unavailable',
    reason: 'credential',
    message: /credentials: none were found\. Give the pod a role/,
  })
  t.same(fake.calls, [])
})

t.test('a service account’s token is exchanged, and a new token is read', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-jwt-1' }), 'token')
  const fake = await started(t, { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file })
  fake.identityTokens.add('CANARY-jwt-1')
  const provider = await provide(t, fake)
  t.equal(text(await get(provider)), 'CANARY-a')
  t.same(fake.operationsCalled, ['AssumeRoleWithWebIdentity', 'GetSecretValue'])
  t.equal(fake.calls[0]?.input.RoleArn, roleArn)
  t.equal(fake.calls[1]?.accessKey, 'ASIAROLE1')

  fake.keys.delete('ASIAROLE1')
  fake.identityTokens.clear()
  fake.identityTokens.add('CANARY-jwt-2')
  const refused = await get(provider)
  t.match(refused, {
    kind: 'denied',
    message: /token of the service account is not accepted\. .*audience is sts\.amazonaws\.com/,
  })
  leaksNothing(t, refused)
  writeFileSync(file, 'CANARY-jwt-2')
  t.equal(text(await get(provider)), 'CANARY-a')

  fake.refusals.set('AssumeRoleWithWebIdentity', new FakeError('AccessDenied', undefined, 403))
  const untrusted = await get(await provide(t, fake))
  t.match(untrusted, { kind: 'denied', message: /Check that its trust policy names this service account/ })
  leaksNothing(t, untrusted)
})

t.test('a token that is not mounted is told with the variable that names it', async (t) => {
  const file = join(t.testdir({}), 'token')
  const fake = await started(t, { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file })
  const error = await get(await provide(t, fake))
  t.match(error, { kind: 'unavailable', reason: 'credential' })
  t.match(error, { message: /the file that AWS_WEB_IDENTITY_TOKEN_FILE names cannot be read \(ENOENT\)/ })
})

t.test('what was put into a variable in place of a path is not quoted', async (t) => {
  const [{ AWS_ACCESS_KEY_ID: id }, token] = [staticKeys, 'CANARY-token']
  const jwt = `eyJhbGciOiJSUzI1NiJ9.CANARY.${'x'.repeat(300)}`
  for (const [variables, message] of [
    [
      { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: token },
      /the file that AWS_WEB_IDENTITY_TOKEN_FILE names cannot be read \(ENOENT\)/,
    ],
    [
      { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: `CANARY-${'x'.repeat(300)}` },
      /the file that AWS_WEB_IDENTITY_TOKEN_FILE names cannot be read \(ENAMETOOLONG\)/,
    ],
    [
      { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: jwt },
      /AWS_WEB_IDENTITY_TOKEN_FILE holds the token or the JSON itself, and wants the path of a file/,
    ],
    [
      { AWS_CONFIG_FILE: ' { "CANARY": 1 }' },
      /AWS_CONFIG_FILE holds the token or the JSON itself, and wants the path of a file/,
    ],
    [{ AWS_SHARED_CREDENTIALS_FILE: `[default]\naws_access_key_id = ${id} CANARY` }, /none were found/],
    [
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: '{origin}/credentials',
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
      },
      /credentials: /,
    ],
    [{ AWS_PROFILE: 'CANARY/secret+access=' }, /the profile that is set gives no credentials/],
    [
      { AWS_PROFILE: 'payments' },
      /the profile "payments" gives no credentials: check that it is in AWS_CONFIG/,
    ],
  ] as const) {
    await t.test(String(message), async (t) => {
      const fake = await started(t, variables)
      const error = await get(await provide(t, fake))
      t.match(error, { kind: 'unavailable', reason: 'credential', message })
      leaksNothing(t, error)
    })
  }
})

t.test('a variable that holds no region or no URL is told, and not quoted', async (t) => {
  for (const [variables, message] of [
    [{ AWS_REGION: 'CANARY central' }, /AWS_REGION is set, and holds no region/],
    [
      { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'canary:4566' },
      /AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL.* is no URL with http:\/\/ or https:\/\//,
    ],
  ] as const) {
    await t.test(String(message), async (t) => {
      const fake = await started(t, { ...staticKeys, ...variables })
      const provider = await provide(t, fake, { region: undefined, endpoint: undefined } as object)
      const error = await provider.fetch(['a'], signal()).then(
        (results) => results.get('a'),
        (failed) => failed,
      )
      t.match(error, { kind: 'unavailable', reason: 'credential', message })
      t.notMatch(String(error), /canary/i)
    })
  }
  const fake = await started(t, { ...staticKeys, AWS_ENDPOINT_URL_STS: 'canary:4566' })
  t.match(await get(await provide(t, fake, { roleArn })), {
    reason: 'credential',
    message: /AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL.* is no URL/,
  })
})

t.test('an SSO session that has ended is told apart', async (t) => {
  const file = join(
    t.testdir({
      config:
        '[profile payments]\nsso_start_url = https://CANARY.test\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n',
    }),
    'config',
  )
  const fake = await started(t, { AWS_CONFIG_FILE: file, AWS_PROFILE: 'payments' })
  const error = await get(await provide(t, fake))
  t.match(error, { reason: 'credential', message: /the SSO session of the profile "payments" has expired/ })
  leaksNothing(t, error)
})

t.test('no program of a profile is run, not by way of another profile either', async (t) => {
  const folder = t.testdir({})
  const ran = join(folder, 'ran')
  const command = `credential_process = touch ${ran} CANARY\n`
  const config = join(folder, 'config')
  writeFileSync(
    config,
    `[default]\nregion = eu-west-1\n ${command}[profile direct]\n${command}[profile "quoted"] # so\n${command}
[profile role]\nrole_arn = ${roleArn}\nsource_profile = direct\n[profile ring]\nrole_arn = ${roleArn}\nsource_profile = ring\n`,
  )
  const credentials = join(folder, 'credentials')
  writeFileSync(credentials, `[other]\n${command}`)
  for (const [profile, named] of [
    [undefined, 'default'],
    ['direct', 'direct'],
    ['quoted', 'quoted'],
    ['role', 'direct'],
    ['other', 'other'],
  ] as const) {
    await t.test(named, async (t) => {
      const fake = await started(t, {
        AWS_CONFIG_FILE: config,
        AWS_SHARED_CREDENTIALS_FILE: credentials,
        ...(profile !== undefined && { AWS_PROFILE: profile }),
      })
      const error = await get(await provide(t, fake))
      t.match(error, { kind: 'unavailable', reason: 'credential' })
      t.ok(
        String(error).includes(`the profile "${named}" has credential_process, which is not run`),
        String(error),
      )
      t.match(error, { message: /the provider exec/ })
      leaksNothing(t, error)
      if (profile === undefined) return
      delete process.env.AWS_PROFILE
      t.match(await get(await provide(t, fake, { profile })), { message: /credential_process/ })
    })
  }
  const fake = await started(t, { ...staticKeys, AWS_CONFIG_FILE: config })
  t.equal(text(await get(await provide(t, fake))), 'CANARY-a', 'keys in the environment go ahead of it')
  t.match(await get(await provide(t, fake, { profile: 'ring' })), { message: /the profile "ring" gives no/ })
  t.notOk(existsSync(ran))
})

t.test('the endpoint of a container gives credentials (EKS Pod Identity, ECS)', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-pod-token' }), 'token')
  const fake = await started(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: '{origin}/credentials',
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
  })
  fake.identityTokens.add('CANARY-pod-token')
  const provider = await provide(t, fake)
  t.equal(text(await get(provider)), 'CANARY-a')
  t.equal(text(await get(provider)), 'CANARY-a')
  t.same(fake.operationsCalled, ['container', 'GetSecretValue', 'GetSecretValue'], 'they are held')
  fake.identityTokens.clear()
  const refused = await get(await provide(t, fake))
  t.match(refused, { kind: 'unavailable', reason: 'credential' })
  leaksNothing(t, refused)
})

t.test('a profile has credentials and a region, and is read again when they are refused', async (t) => {
  const folder = t.testdir({})
  const file = join(folder, 'credentials')
  mkdirSync(folder, { recursive: true })
  const profile = (id: string, secret: string): void =>
    writeFileSync(file, `[payments]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`)
  const fake = await started(t, { ...staticKeys, AWS_SHARED_CREDENTIALS_FILE: file })
  fake.keys.set('AKIANEXT', { secret: 'CANARY-next' })
  profile('AKIATEST', staticKeys.AWS_SECRET_ACCESS_KEY)
  const provider = await provide(t, fake, { profile: 'payments' })
  t.equal(text(await get(provider)), 'CANARY-a')

  fake.keys.delete('AKIATEST')
  const refused = await get(provider)
  t.match(refused, { kind: 'denied', message: /AWS does not know the credentials/ })
  leaksNothing(t, refused)
  profile('AKIANEXT', 'CANARY-next')
  fake.calls.length = 0
  t.equal(text(await get(provider)), 'CANARY-a')
})

t.test('held credentials that are refused are found anew at once', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-jwt' }), 'token')
  const fake = await started(t, { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file })
  fake.identityTokens.add('CANARY-jwt')
  const provider = await provide(t, fake)
  t.equal(text(await get(provider)), 'CANARY-a')
  fake.keys.delete('ASIAROLE1')
  t.equal(text(await get(provider)), 'CANARY-a')
  t.same(fake.operationsCalled.filter((name) => name.startsWith('Assume')).length, 2)
})

t.test('a role is assumed with what was found, and two providers can be two identities', async (t) => {
  const fake = await started(t, staticKeys)
  const one = await provide(t, fake, { roleArn, externalId: 'CONTRACT-7', sessionName: 'web' })
  const other = await provide(t, fake, { roleArn: `${roleArn}-other` })
  const plain = await provide(t, fake)
  for (const provider of [one, other, plain, one]) t.equal(text(await get(provider)), 'CANARY-a')
  t.same(
    fake.calls.map(({ operation, accessKey }) => `${operation} ${accessKey}`),
    [
      'AssumeRole AKIATEST',
      'GetSecretValue ASIAROLE1',
      'AssumeRole AKIATEST',
      'GetSecretValue ASIAROLE2',
      'GetSecretValue AKIATEST',
      'GetSecretValue ASIAROLE1',
    ],
  )
  t.match(fake.calls[0]?.input, { RoleArn: roleArn, ExternalId: 'CONTRACT-7', RoleSessionName: 'web' })
  t.match(fake.calls[2]?.input, { RoleArn: `${roleArn}-other`, RoleSessionName: 'sidekeep' })
})

t.test('a role that cannot be assumed is told with what is to be allowed', async (t) => {
  const fake = await started(t, staticKeys)
  for (const [code, expected] of [
    [
      'AccessDenied',
      {
        kind: 'denied',
        message:
          /AssumeRole arn:aws:iam::123456789012:role\/payments: the role cannot be assumed\. Allow sts:AssumeRole/,
      },
    ],
    ['ExpiredToken', { kind: 'denied', message: /have expired/ }],
    ['Throttling', { kind: 'throttled' }],
    ['RegionDisabledException', { kind: 'denied' }],
  ] as const) {
    fake.refusals.set('AssumeRole', new FakeError(code, undefined, 403))
    const error = await get(await provide(t, fake, { roleArn }))
    t.match(error, expected, code)
    leaksNothing(t, error)
  }
})

t.test('a role’s credentials are used to their end where others cannot be had', async (t) => {
  const fake = await started(t, staticKeys)
  // Within the five minutes in which others are fetched, and good still.
  fake.roleSeconds = 200
  const provider = await provide(t, fake, { roleArn })
  t.equal(text(await get(provider)), 'CANARY-a')
  fake.refusals.set('AssumeRole', new FakeError('InternalFailure', undefined, 500))
  for (let n = 0; n < 3; n++) t.equal(text(await get(provider)), 'CANARY-a')
})

t.test('a clock that is off is told by the service, and the next signature allows for it', async (t) => {
  const fake = await started(t, staticKeys)
  fake.skew = 60 * 60_000
  const provider = await provide(t, fake)
  t.equal(text(await get(provider)), 'CANARY-a')
  t.equal(text(await get(provider)), 'CANARY-a')
  t.equal(fake.backend.requests.length, 3)
  fake.refusals.set('GetSecretValue', new FakeError('InvalidSignatureException'))
  const error = await get(provider)
  t.match(error, { kind: 'denied', message: /the signature is not accepted\. Check the clock of this node/ })
  leaksNothing(t, error)
})

t.test('credentials that hang count for the time of the call, and for who gives up', async (t) => {
  const file = join(t.testdir({ token: 'CANARY-jwt' }), 'token')
  const fake = await started(t, { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file })
  const asked = Promise.withResolvers<void>()
  fake.backend.handler = () => asked.resolve()
  const provider = await provide(t, fake, { timeout: 60_000 })
  const fetching = failureOf(provider.fetch(['key'], signal()))
  await asked.promise
  await provider.close?.()
  t.match(await fetching, { kind: 'unavailable', reason: 'aborted' })

  const slow = await secretsManager(t, fake.origin, { timeout: 100 }, { clock: systemClock })
  const late = await failureOf(slow.fetch(['key'], signal()))
  t.match(late, { kind: 'unavailable', reason: 'timeout', message: /within 100 ms/ })
})

t.test('nothing is written to the standard error', async (t) => {
  const written = t.capture(process.stderr, 'write')
  const fake = await started(t, { ...staticKeys, AWS_SHARED_CREDENTIALS_FILE: '/nonexistent' })
  t.equal(text(await get(await provide(t, fake, { roleArn }))), 'CANARY-a')
  t.match(await get(await provide(t, fake, { profile: 'gone' })), { reason: 'credential' })
  process.env.AWS_PROFILE = 'gone-too'
  t.match(await get(await provide(t, fake)), { reason: 'credential' })
  t.same(
    written.args().map(([line]) => String(line)),
    [],
  )
})

t.test('the bytes of every answer are overwritten once they have been read', async (t) => {
  const bodies: Buffer[] = []
  const { handle } = Transport.prototype
  t.teardown(() => {
    Transport.prototype.handle = handle
  })
  Transport.prototype.handle = async function (...args) {
    const result = await handle.apply(this, args)
    t.not(result.response.body.indexOf('CANARY'), -1, 'there is something to overwrite')
    bodies.push(result.response.body)
    return result
  }
  const fake = await started(t, staticKeys)
  const provider = await provide(t, fake, { roleArn })
  t.equal(text(await get(provider)), 'CANARY-a')
  fake.refusals.set('GetSecretValue', new FakeError('AccessDeniedException'))
  t.match(await get(provider), { kind: 'denied' })
  t.equal(bodies.length, 3)
  for (const body of bodies)
    t.ok(
      body.every((byte) => byte === 0),
      `${body.length} bytes of nothing`,
    )
})

// The last one: what hung looks at the environment once more when it is let go.
t.test('who comes after a call that timed out does not wait for the same credentials', async (t) => {
  const fake = await started(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: '{origin}/credentials',
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'CANARY-pod-token',
  })
  fake.identityTokens.add('CANARY-pod-token')
  const { handler } = fake.backend
  fake.backend.handler = () => {}
  const provider = await secretsManager(t, fake.origin, { timeout: 400 }, { clock: systemClock })
  t.match(await get(provider).catch((error: unknown) => error), { reason: 'timeout' })
  fake.backend.handler = handler
  t.equal(text(await get(provider)), 'CANARY-a')
})
