import t from 'tap'
import { rulesOf } from '../../src/config/rules.ts'
import { parse, refused } from './helpers.ts'

const providers = 'providers: { vault: { type: env, prefix: A_ }, aws: { type: env, prefix: B_ } }\n'
const rule = (options: string, name = 'a'): string => `${providers}secrets: { "${name}": { ${options} } }\n`

t.test('a fallback is a list of providers, or of places where the key or the field is another', async (t) => {
  const { config, redacted } = await parse(
    rule('fallback: [vault, { provider: aws, key: prod/a, field: pw }], field: password'),
  )
  t.match(rulesOf(config).find('a'), {
    key: 'a',
    rule: {
      provider: 'vault',
      key: 'a',
      field: 'password',
      fallback: [{ provider: 'aws', key: 'prod/a', field: 'pw' }],
    },
  })
  const again = await parse(JSON.stringify(redacted))
  t.strictSame(again.config, config, 'what is shown of it means the same')
})

t.test('the key and the field of the rule hold where a place names none', async (t) => {
  const { config } = await parse(rule('fallback: [{ provider: vault, key: x }, aws], key: k, field: f'))
  t.match(rulesOf(config).find('a')?.rule, {
    provider: 'vault',
    key: 'x',
    field: 'f',
    fallback: [{ provider: 'aws', key: 'k', field: 'f' }],
  })
})

t.test('a rule says once where it comes from', async (t) => {
  t.match(await refused(rule('refresh: 1m')), [
    /secrets\.a\.provider: expected the name of a provider \(or, in its place, fallback with.*\), got nothing/,
  ])
  t.match(await refused(rule('provider: vault, fallback: [vault, aws]')), [
    /:2:\d+ secrets\.a\.fallback: expected one of .*secrets\.a\.provider says already/,
  ])
})

t.test('a fallback needs two places that are not the same', async (t) => {
  const list = /secrets\.a\.fallback: expected a list of two providers or more/
  t.match(await refused(rule('fallback: [vault]')), [list])
  t.match(await refused(rule('fallback: []')), [list])
  t.match(await refused(rule('fallback: vault')), [list])
  t.match(await refused(rule('fallback: [vault, aws, { provider: vault, key: a }]')), [
    /secrets\.a\.fallback\[2\]: expected another place: secrets\.a\.fallback\[0\] is the same/,
  ])
  t.ok(await parse(rule('fallback: [vault, { provider: vault, key: b }, aws]')))
})

t.test('each place names a provider that there is', async (t) => {
  t.match(await refused(rule('fallback: [vault, asw]')), [
    /secrets\.a\.fallback\[1\]: expected a provider of providers: "vault", "aws", got "asw"; did you mean "aws"\?/,
  ])
  t.match(await refused(rule('fallback: [{ provider: vaut }, aws]')), [
    /secrets\.a\.fallback\[0\]\.provider: .*did you mean "vault"\?/,
  ])
  t.match(await refused(rule('fallback: [{ provider: vault, kay: x }, aws]')), [/did you mean "key"\?/])
})

t.test('a pattern has one provider', async (t) => {
  t.match(await refused(rule('fallback: [vault, aws]', 'a/*')), [
    /secrets\["a\/\*"\]\.fallback: expected provider: a pattern has one provider/,
  ])
})

t.test('a provider that only a fallback names is in use', async (t) => {
  t.strictSame((await parse(rule('fallback: [vault, aws]'))).warnings, [])
})
