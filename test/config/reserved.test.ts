import t from 'tap'
import { rulesOf } from '../../src/config/rules.ts'
import { parse } from './helpers.ts'

/** By provider: names that a pattern covers, and names that would lead elsewhere. */
const kinds = [
  ['{ type: vault, url: "https://v", auth: { token: { file: /t } } }', 'db/x', 'db?version=1'],
  ['{ type: aws-secrets-manager, region: eu-central-1 }', 'db/x', 'db?stage=AWSPREVIOUS'],
  ['{ type: aws-secrets-manager, region: eu-central-1 }', 'arnold', 'arn:aws:secretsmanager:x:1:secret:y'],
  ['{ type: aws-parameter-store, region: eu-central-1 }', 'db/x', 'db:3'],
  ['{ type: google-secret-manager }', 'db', 'db/versions/1'],
  ['{ type: google-secret-manager }', 'db', 'projects/other/secrets/db'],
  ['{ type: azure-key-vault, url: "https://a.vault.azure.net" }', 'db', `db/${'a'.repeat(32)}`],
] as const

for (const [provider, covered, elsewhere] of kinds) {
  t.test(`a pattern covers ${covered} and not ${elsewhere}: ${provider}`, async (t) => {
    const { config } = await parse(`
providers: { p: ${provider} }
secrets: { "any/*": { provider: p, key: "*" } }
`)
    const rules = rulesOf(config)
    t.equal(rules.find(`any/${covered}`)?.key, covered)
    t.equal(rules.find(`any/${elsewhere}`), undefined)
  })
}
