import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, refused } from './helpers.ts'

const vault = (options: string): string =>
  `providers:\n  v: { type: vault, url: "https://vault.test:8200", ${options} }\nsecrets: { a: { provider: v, key: kv/a } }\n`
const token = 'auth: { token: { file: /token } }'

t.test('the examples of the page are configurations, and nothing is to be warned of', async (t) => {
  const page = await readFile(new URL('../../docs/providers/vault.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/```yaml\n(\s*# sidekeep\.yaml\n[\s\S]*?)```/g)].map(
    ([, yaml = '']) => yaml,
  )
  t.equal(examples.length, 1)
  for (const yaml of examples) t.strictSame((await parse(yaml)).warnings, [])
})

t.test('there is exactly one way to log in', async (t) => {
  const expected = 'expected exactly one of token, appRole, kubernetes, jwt, certificate'
  t.match(await refused(vault('auth: {}')), [`${expected}, got none`])
  t.match(await refused(vault('auth: { token: CANARY-token, kubernetes: { role: app } }')), [
    `${expected}, got token and kubernetes`,
  ])
  for (const auth of [
    'token: { env: VAULT_TOKEN }',
    'appRole: { roleId: a, secretId: { file: /s }, wrapped: true }',
    'kubernetes: { role: app }',
    'jwt: { role: app, jwt: { file: /jwt }, mount: team/jwt }',
  ]) {
    t.ok(await parse(vault(`auth: { ${auth} }`)), auth)
  }
})

t.test('certificate and key go together, and over TLS', async (t) => {
  t.match(await refused(vault(`${token}, certificate: { file: /c }`)), [
    /v\.key: expected both certificate and key/,
  ])
  t.match(await refused(vault(`${token}, key: { file: /k }`)), [
    /v\.certificate: expected both certificate and key/,
  ])
  const mutual = 'auth: { certificate: {} }, certificate: { file: /c }, key: { file: /k }'
  t.ok(await parse(vault(mutual)))
  t.match(await refused(vault('auth: { certificate: {} }')), [
    /v\.certificate: expected certificate and key, since/,
  ])
  t.match(await refused(vault(mutual).replace('https://vault.test', 'http://127.0.0.1')), [
    /v\.url: expected https:/,
  ])
})

t.test('what would lead elsewhere is refused', async (t) => {
  for (const url of [
    'https://vault.test/v1',
    'https://a:b@vault.test',
    'vault.test:8200',
    'https://vault.test/?a',
    'https://',
  ]) {
    t.match(await refused(vault(token).replace('https://vault.test:8200', url)), [
      /v\.url: expected the address of Vault alone/,
    ])
  }
  for (const namespace of ['/a', 'a//b', '../a', 'a?b', 'a%2fb']) {
    t.match(await refused(vault(`${token}, namespace: "${namespace}"`)), [
      /namespace: expected a namespace such as/,
    ])
  }
  for (const path of ['/pki/issue/web', 'pki/../sys/raw', 'pki/issue/web?x=1']) {
    t.match(await refused(vault(`${token}, requests: { a: { path: "${path}" } }`)), [
      /path: expected a path such as pki/,
    ])
  }
  for (const host of ['https://vault-1', 'vault-1/v1', 'a@b', '']) {
    t.match(await refused(vault(`${token}, redirectHosts: ["${host}"]`)), [
      /redirectHosts.*expected a host, with its port/,
    ])
  }
  t.ok(
    await parse(
      vault(`${token}, redirectHosts: ["vault-1:8200", vault-2, "[::1]:8200"], namespace: team-a/app`),
    ),
  )
  t.match(await refused(vault(`${token}, kvVersion: 3`)), [/kvVersion: expected.*auto/])
  t.match(await refused(vault(`${token}, requests: { "a/b": { path: pki/issue/web } }`)), [
    /expected a name of 1 to 63/,
  ])
})

t.test('what is written in place of a credential is not shown', async (t) => {
  for (const options of [
    'auth: { appRole: { roleId: [CANARY], secretId: 7 } }',
    'auth: CANARY-token',
    `${token}, key: [CANARY]`,
    `${token}, requests: { a: { path: pki/issue/web, body: CANARY } }`,
  ]) {
    t.notMatch((await refused(vault(options))).join('\n'), /CANARY/, options)
  }
})
