// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables are what is tested.
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { parse, refusal, smallest } from './helpers.ts'

/** Refused, and neither message nor members of the error hold a canary. */
async function silent(t: Test, text: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const error = await refusal(text, env)
  t.notMatch(inspect(error, { depth: 20, showHidden: true }), /CANARY/)
  t.notMatch(JSON.stringify(error.problems), /CANARY/)
  return error.message
}

const env = { CANARY_FREE_NAME: 'CANARY-value-1' }

t.test('a value from a variable is never repeated: its reference is shown in its place', async (t) => {
  const message = await silent(
    t,
    `${smallest}log: { level: "\${CANARY_FREE_NAME}" }`.replaceAll('CANARY_FREE_NAME', 'LEVEL'),
    {
      LEVEL: 'CANARY-value-1',
    },
  )
  t.match(message, 'got "${LEVEL}"')
})

t.test('a value from a variable is not repeated by rules between options either', async (t) => {
  const message = await silent(
    t,
    'providers:\n  p: { type: env, prefix: A }\nsecrets:\n  a: { provider: "${NAME}" }',
    {
      NAME: 'CANARY-value-1',
    },
  )
  t.match(message, 'secrets.a.provider: expected a provider of providers: "p", got "${NAME}"')
})

t.test('a near-miss of a variable’s content is not suggested, which would give it away', async (t) => {
  const message = await silent(t, `${smallest}log: { level: "\${LEVEL}" }`, { LEVEL: 'infos' })
  t.notMatch(message, 'did you mean')
})

t.test('a secret that was written in place of its rule is never repeated', async (t) => {
  await silent(t, 'providers: { p: { type: env, prefix: A } }\nsecrets: { db: CANARY-password-1 }')
})

t.test('a literal credential is never repeated', async (t) => {
  await silent(t, 'providers: { p: { type: http, url: "https://a.test", token: [CANARY-token-1] } }')
  await silent(t, 'providers: { p: { type: http, url: "https://a.test", token: { CANARY-token-1 } } }')
  await silent(t, 'providers: { p: { type: http, url: "https://a.test", token: { env: "CANARY-token-1" } } }')
  await silent(t, 'providers: { p: { type: http, url: "https://a.test", headers: "CANARY-header-1" } }')
  await silent(
    t,
    'providers: { p: { type: http, url: "https://a.test", headers: { X-Key: [CANARY-header-1] } } }',
  )
  await silent(t, 'providers: { p: { type: http, url: "https://a.test", ca: [CANARY-pem-1] } }')
})

t.test(
  'of a provider nothing is repeated that is no word of a few, number, duration, size or boolean',
  async (t) => {
    const bad = '"CANARY\\n"'
    for (const text of [
      'CANARY-1',
      '{ p: CANARY-1 }',
      `{ p: { type: env, prefix: "CANARY-1" } }`,
      `{ p: { type: file, path: ${bad} } }`,
      '{ p: { type: exec, command: "/bin/x --token=CANARY-1" } }',
      '{ p: { type: exec, command: [/bin/x], passEnv: [CANARY-1] } }',
      '{ p: { type: exec, command: [/bin/x], passEnv: CANARY-1 } }',
      '{ p: { type: exec, command: [/bin/x], exitCodes: { 3: CANARY-1 } } }',
      ...['region', 'roleArn', 'externalId', 'sessionName', 'profile'].map(
        (option) => `{ p: { type: aws-secrets-manager, ${option}: ${bad} } }`,
      ),
      ...['project', 'quotaProject', 'impersonate', 'location'].map(
        (option) => `{ p: { type: google-secret-manager, ${option}: ${bad} } }`,
      ),
      `{ p: { type: kubernetes, namespace: ${bad}, selector: ${bad} } }`,
      `{ p: { type: onepassword-connect, vault: ${bad} } }`,
      `{ p: { type: vault, namespace: ${bad}, requests: CANARY-1 } }`,
    ]) {
      t.match(await silent(t, `providers: ${text}\nsecrets: {}`), /got something else/, text)
    }
    const message = await silent(
      t,
      'providers: { p: { type: exec, command: [/bin/x], format: jsn, timeout: 10 secs, maxBody: 3QB } }\nsecrets: {}',
    )
    t.match(message, /got "jsn"; did you mean "json"/)
    t.match(message, /got "10 secs"/)
    t.match(message, /got "3QB"/)
  },
)

t.test('a private key that was written in place of its path is never repeated', async (t) => {
  const tls = 'tls: { cert: /c, key: "-----BEGIN PRIVATE KEY-----\\nCANARY-key" }'
  const proxy = `listen: "127.0.0.1:1", upstream: "http://a", ${tls}`
  for (const text of [
    `api: { ${tls} }`,
    `api: { listeners: [{ listen: "127.0.0.1:1", allow: [a], ${tls} }] }`,
    `proxy: { ${proxy} }`,
  ]) {
    t.match(await silent(t, smallest + text), /tls\.key: expected a path.*, got something else/)
  }
})

t.test('the password of a Redis that was written into its address is never repeated', async (t) => {
  const proxy = (store: string): string =>
    `proxy: { listen: "127.0.0.1:1", upstream: "http://a", store: ${store} }`
  const address = 'redis://user:CANARY-password@redis:6379/0'
  t.match(await silent(t, smallest + proxy(address)), /proxy\.store: expected memory.*, got something else/)
  await silent(t, smallest + proxy(`{ url: "${address}" }`))
  await silent(t, smallest + proxy('{ url: redis://redis, password: CANARY-password }'))
})

t.test('a token of a caller is never repeated, wherever it was written', async (t) => {
  for (const callers of [
    'CANARY-token-1',
    '[CANARY-token-1]',
    '{ web: CANARY-token-1 }',
    '{ web: [CANARY-token-1] }',
    '{ web: { tokens: CANARY-token-1, allow: [a] } }',
    '{ web: { tokens: [CANARY-token-1], allow: [a] } }',
    '{ web: { tokens: [[CANARY-token-1]], allow: [a] } }',
    '{ web: { tokens: [{ env: "CANARY-token-1" }], allow: [a] } }',
    '{ web: { tokens: [{ value: CANARY-token-1 }], allow: [a] } }',
    '{ web: { token: CANARY-token-1, allow: [a] } }',
  ]) {
    await silent(t, `${smallest}api: { callers: ${callers} }`)
    await silent(t, `${smallest}api: { listeners: [{ listen: "unix:/a", callers: ${callers} }] }`)
  }
})

t.test('a weak token is told of by its place alone, and so is one that two callers have', async (t) => {
  const two = '{ one: { tokens: [{ env: T }], allow: [a] }, two: { tokens: [{ env: T }], allow: [a] } }'
  await silent(t, `${smallest}api: { callers: ${two} }`, { T: 'CANARY-weak-1' })
  await silent(t, `${smallest}api: { callers: ${two} }`, { T: 'CANARY-strong-0123456789abcdef' })
})

t.test('a number that was meant as a credential is not repeated', async (t) => {
  const message = await silent(t, 'providers: { p: { type: http, url: "https://a.test", token: 987654321 } }')
  t.notMatch(message, '987654321')
})

t.test('a password in a URL is refused and not repeated', async (t) => {
  const message = await silent(
    t,
    'providers: { p: { type: http, url: "https://user:CANARY-password-1@a.test" } }',
  )
  t.match(message, 'without user name and password')
  await silent(t, 'proxy: { listen: "127.0.0.1:1", upstream: "http://user:CANARY-password-1@a.test" }')
})

t.test('a file that is no YAML is not quoted', async (t) => {
  await silent(t, 'providers: { p: { token: "CANARY-token-1 } }')
  await silent(t, 'token: CANARY-token-1: CANARY-token-2')
  await silent(t, 'token: *CANARY-token-1')
  await silent(t, 'token: !CANARY-token-1 x')
  await silent(t, 'token: "\\CANARY-token-1"')
  await silent(t, 'token: @CANARY-token-1')
  await silent(t, '%CANARY-token-1\n---\na: 1')
})

t.test('what a configuration prints as holds no literal credential', async (t) => {
  const loaded = await parse(
    `
providers:
  p: { type: http, url: "https://a.test", token: CANARY-token-1, ca: CANARY-pem-1, headers: { X-Key: CANARY-header-1 } }
secrets: { a: { provider: p } }
`,
    env,
  )
  t.notMatch(inspect(loaded, { depth: 20, showHidden: true }), /CANARY/)
  t.notMatch(JSON.stringify(loaded), /CANARY/)
})
