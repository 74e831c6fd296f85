import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, refused } from '../../config/helpers.ts'

const provider = (options: string): string => `
providers:
  vault: { type: azure-key-vault, ${options} }
secrets:
  a: { provider: vault }
`
const url = 'url: "https://my-vault.vault.azure.net"'
const application = 'tenantId: contoso.onmicrosoft.com, clientId: 3c1d0a5e-0000-4000-8000-000000000001'

t.test('the url is enough', async (t) => {
  const { config, warnings } = await parse(provider(url))
  t.strictSame(warnings, [])
  t.match(config.providers.vault, {
    type: 'azure-key-vault',
    certificates: 'pem',
    timeout: 10_000,
    maxBody: 1024 * 1024,
    maxSecrets: 10_000,
  })
})

t.test('each credential is one', async (t) => {
  for (const credential of [
    'workloadIdentity: {}',
    'workloadIdentity: { tokenFile: /var/run/token }',
    'managedIdentity: {}',
    'managedIdentity: { clientId: 3c1d0a5e-0000-4000-8000-000000000001 }',
    'managedIdentity: { resourceId: /subscriptions/1/resourceGroups/g }',
    `clientSecret: { ${application}, clientSecret: { file: /run/secret } }`,
    `clientCertificate: { ${application}, certificate: { file: /run/client.pem } }`,
  ]) {
    t.strictSame((await parse(provider(`${url}, credential: { ${credential} }`))).warnings, [], credential)
  }
})

t.test('a credential is exactly one', async (t) => {
  for (const credential of ['', 'workloadIdentity: {}, managedIdentity: {}']) {
    t.match(await refused(provider(`${url}, credential: { ${credential} }`)), [
      /providers\.vault\.credential: expected exactly one of workloadIdentity, managedIdentity, clientSecret, clientCertificate/,
    ])
  }
  t.match(
    await refused(
      provider(
        `${url}, credential: { managedIdentity: { clientId: 3c1d0a5e-0000-4000-8000-000000000001, resourceId: /subscriptions/1 } }`,
      ),
    ),
    [/managedIdentity: expected clientId or resourceId, and not both/],
  )
  t.match(await refused(provider(`${url}, credential: { clientSecret: { ${application} } }`)), [
    /credential\.clientSecret\.clientSecret: expected/,
  ])
})

t.test('a literal credential does not appear in what is shown', async (t) => {
  const credential = `clientSecret: { ${application}, clientSecret: CANARY-literal }`
  const { config } = await parse(provider(`${url}, credential: { ${credential} }`))
  t.notMatch(JSON.stringify(config), 'CANARY-')
})

t.test('an address that would send tokens unencrypted, or elsewhere, is refused', async (t) => {
  for (const address of [
    'http://my-vault.vault.azure.net',
    'https://my-vault.vault.azure.net/secrets',
    'https://user:CANARY@my-vault.vault.azure.net',
    'https://my-vault.vault.azure.net?x=1',
    'https://my-vault.vault.azure.net#x',
    'https://my-vault.vault.azure.net:99999',
    'https://',
    'my-vault',
    'https://{key}.vault.azure.net',
  ]) {
    t.match(
      await refused(provider(`url: "${address}"`)),
      [/providers\.vault\.url: expected the vault's address/],
      address,
    )
  }
  for (const authority of ['http://login.microsoftonline.com', 'https://login.microsoftonline.com/tenant']) {
    t.match(await refused(provider(`${url}, authorityHost: "${authority}"`)), [
      /authorityHost: expected the address/,
    ])
  }
  t.match(await refused(provider(`${url}, resource: "http://vault.azure.net"`)), [
    /resource: expected the resource/,
  ])
  for (const address of ['http://127.0.0.1:8080', 'http://localhost:8080/', 'http://[::1]:8080']) {
    t.ok(await parse(provider(`url: "${address}"`)), address)
  }
})

t.test('the examples of its page are configurations, and nothing is to be warned of', async (t) => {
  const page = await readFile(new URL('../../../docs/providers/azure-key-vault.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  const configurations = examples.filter((yaml) => yaml.includes('type: azure-key-vault'))
  t.ok(configurations.length >= 2)
  for (const yaml of configurations) t.strictSame((await parse(yaml)).warnings, [], yaml)
})
