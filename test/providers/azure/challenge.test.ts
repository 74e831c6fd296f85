import t from 'tap'
import { ForeignChallenge, readChallenge } from '../../../src/providers/azure/challenge.ts'
import { tenantId } from '../../support/fake-azure-entra.ts'
import fc from '../../support/property.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { azure } from './support.ts'

const refused = { name: 'ForeignChallenge' }
const vault = new URL('https://my-vault.vault.azure.net')

t.test('the resource is the domain that the vault lies in, in every cloud', async (t) => {
  for (const domain of [
    'vault.azure.net',
    'vault.azure.cn',
    'vault.usgovcloudapi.net',
    'managedhsm.azure.net',
  ]) {
    const header = `Bearer authorization="https://login.example/${tenantId}", resource="https://${domain}"`
    const challenge = readChallenge(header, new URL(`https://name.${domain}`), undefined)
    t.strictSame(challenge, { resource: `https://${domain}`, tenantId })
  }
})

t.test('a scope says the same as a resource', async (t) => {
  const header = 'Bearer authorization="https://login.example/x", scope="https://vault.azure.net/.default"'
  t.strictSame(readChallenge(header, vault, undefined), {
    resource: 'https://vault.azure.net',
    tenantId: undefined,
  })
})

t.test('a token for anything else is not asked for', async (t) => {
  for (const resource of [
    'https://graph.microsoft.com',
    'https://management.azure.com/',
    'https://azure.net',
    'https://net',
    'https://other-vault.vault.azure.net',
    'https://my-vault.vault.azure.net',
    'https://vault.azure.net.evil.example',
    'https://evilvault.azure.net',
    'http://vault.azure.net',
    'https://vault.azure.net:8443',
    'https://vault.azure.net/elsewhere',
    'https://user@vault.azure.net',
    'https://vault.azure.net?x=1',
    'vault.azure.net',
    '',
  ]) {
    t.throws(() => readChallenge(`Bearer resource="${resource}"`, vault, undefined), refused, resource)
  }
  for (const header of [
    undefined,
    '',
    'Basic realm="x"',
    'Bearer',
    'Bearer realm="x"',
    'PoP resource="https://vault.azure.net"',
  ]) {
    t.throws(() => readChallenge(header, vault, undefined), refused, String(header))
  }
})

t.test('a resource that the configuration names has to be the one', async (t) => {
  const header = 'Bearer resource="https://vault.stack.example/0a1b/"'
  t.match(readChallenge(header, vault, 'https://vault.stack.example/0a1b'), {
    resource: 'https://vault.stack.example/0a1b',
  })
  t.throws(() => readChallenge(header, vault, 'https://vault.azure.net'), refused)
})

t.test('of two parameters with one name the first counts, as of what a proxy might add', async (t) => {
  const header = 'Bearer resource="https://vault.azure.net", resource="https://graph.microsoft.com"'
  t.match(readChallenge(header, vault, undefined), { resource: 'https://vault.azure.net' })
})

t.test('whatever a header holds, only the own domain comes out, and nothing of it in words', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'Bearer ',
      'resource="',
      'https://',
      'vault.azure.net',
      '"',
      ', ',
      'scope="',
      '/.default',
      'CANARY-',
    ),
  )
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      try {
        return (
          readChallenge(`Bearer ${parts.join('')}`, vault, undefined).resource === 'https://vault.azure.net'
        )
      } catch (error) {
        return error instanceof ForeignChallenge && !error.message.includes('CANARY-')
      }
    }),
    { numRuns: 500 },
  )
})

t.test('a vault that asks for a foreign token gets none, and nobody is asked for one', async (t) => {
  const { entra, vault, provider } = await azure(t, { resource: undefined })
  vault.challenge =
    'Bearer authorization="https://CANARY-login.example", resource="https://CANARY-graph.example"'
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'unavailable',
    reason: 'credential',
    message: /something else than .*none was asked for/s,
  })
  leaksNothing(t, error)
  t.strictSame(entra.backend.requests, [])
  t.strictSame(vault.asked, [])
})

t.test('something that asks for no token is no vault', async (t) => {
  const { entra, vault, provider } = await azure(t, { resource: undefined })
  vault.backend.handler = (_request, response) => response.end('CANARY-page')
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'status', message: /without asking for a token/ })
  t.strictSame(entra.backend.requests, [])
})

t.test('a challenge that changes later is not followed either', async (t) => {
  const { entra, vault, provider } = await azure(t)
  vault.set('key', 'CANARY-value')
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  vault.isGood = () => false
  vault.challenge = 'Bearer resource="https://CANARY-graph.example"'
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'unavailable', reason: 'credential', message: /than the option resource names/ })
  t.equal(entra.signIns, 1)
})
