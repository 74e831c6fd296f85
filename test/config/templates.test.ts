// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a reference to a variable is what is tested.
import t from 'tap'
import { rulesOf } from '../../src/config/rules.ts'
import { parse, refused, smallest } from './helpers.ts'

const rule = (template: string, more = ''): string =>
  `${smallest}  db/password: { provider: p }\n  dsn: { template: ${JSON.stringify(template)}${more} }\n`

t.test('a template names secrets that have a rule, and has no provider', async (t) => {
  const { config, redacted } = await parse(
    rule('pg://{{ a }}:{{ db/password | urlencode }}@db', ', required: true'),
  )
  t.match(rulesOf(config).find('dsn')?.rule, { provider: '', template: { names: ['a', 'db/password'] } })
  t.match(rulesOf(config).find('a')?.rule.required, true, 'what is required needs its parts')
  t.match(redacted, { secrets: { dsn: { template: '[redacted]', required: true, refresh: undefined } } })
})

t.test('a mistake in a template is told with its place', async (t) => {
  t.match(await refused(rule('pg://{{ a | urlencod }}')), [
    /:7:\d+ secrets\.dsn\.template: expected at character 13, a filter: one of .*, got "urlencod"; did you mean "urlencode"\?$/,
  ])
  t.match(await refused(rule('CANARY-x {{ a')), [/expected at character 10, "}}" after the "{{" here/])
})

t.test('a name without a rule is told with the one that was probably meant', async (t) => {
  t.match(await refused(rule('{{ a }}{{ db/pasword }}')), [
    /secrets\.dsn\.template: expected names of secrets that have a rule, got "db\/pasword"; did you mean "db\/password"\?/,
  ])
  t.match(await refused(`${rule('{{ kv/x }}')}  "kv/*": { provider: p }\n`), [
    /names of secrets that have a rule of their own: only a pattern covers this one, got "kv\/x"/,
  ])
  t.match(await refused(rule('{{ constructor }}')), [/names of secrets that have a rule, got "constructor"/])
  t.match(await refused(rule('no place')), [/expected the name of a secret in {{ }}/])
})

t.test('circles are refused, and so is what is composed too often in a row', async (t) => {
  t.match(await refused(rule('{{ dsn }}')), [/secrets\.dsn\.template: expected other secrets than itself/])
  t.match(await refused(`${rule('{{ b }}')}  b: { template: "{{ c }}" }\n  c: { template: "{{ dsn }}" }\n`), [
    /secrets\.dsn\.template.*itself/,
    /secrets\.b\.template.*itself/,
    /secrets\.c\.template.*itself/,
  ])
  const chain = (length: number): string =>
    Array.from({ length }, (_, i) => `  c${i}: { template: "{{ ${i === 0 ? 'a' : `c${i - 1}`} }}" }\n`).join(
      '',
    )
  t.ok(await parse(smallest + chain(11)))
  t.match(await refused(smallest + chain(12)), [
    /secrets\.c11\.template: expected to be composed of composed secrets at most 10/,
  ])
})

t.test('parts that share a key are fetched together, or refused', async (t) => {
  const two = (one: string, other: string): string =>
    `providers: { p: { type: env, prefix: A_ }, q: { type: env, prefix: B_ } }
secrets:
  user: { key: db, field: user, ${one} }
  password: { key: db, field: password, ${other} }
  inner: { template: "{{ password }}" }
  dsn: { template: "{{ user }}{{ inner }}" }
`
  t.ok(await parse(two('provider: p', 'provider: p')))
  t.ok(await parse(two('fallback: [p, q]', 'fallback: [p, q]')))
  t.ok(await parse(two('provider: p', 'provider: q')))
  for (const text of [two('provider: p', 'fallback: [p, q]'), two('fallback: [q, p]', 'fallback: [p, q]')]) {
    t.match(await refused(text), [
      /secrets\.dsn\.template: expected parts that share a key .*"user" and "password" would be fetched apart/,
    ])
  }
})

t.test('what a composed secret has no use for is refused beside its template', async (t) => {
  t.match(await refused(rule('{{ a }}', ', key: x, field: y, refresh: 1m, maxStale: 1h')), [
    /secrets\.dsn\.key: expected nothing of that beside template/,
    /secrets\.dsn\.field/,
    /secrets\.dsn\.refresh/,
    /secrets\.dsn\.maxStale/,
  ])
  t.match(await refused(rule('{{ a }}', ', provider: p')), [
    /secrets\.dsn\.template: expected one of provider, fallback, template/,
  ])
  t.match(await refused(`${smallest}  "x/*": { template: "{{ a }}" }\n`), [/a pattern comes from a provider/])
})

t.test('no message repeats the text around the names', async (t) => {
  for (const text of ['CANARY-x {{ a', 'CANARY-x {{ b }}', 'CANARY-x', 'CANARY-x {{ a | upper }}']) {
    t.notMatch((await refused(rule(text))).join(), /CANARY/)
  }
  t.notMatch(
    (await refused(rule('CANARY-x').replace('template: "CANARY-x"', 'template: ["CANARY-x"]'))).join(),
    /CANARY/,
  )
  t.notMatch(JSON.stringify((await parse(rule('CANARY-x {{ a }}'))).redacted), /CANARY/)
  t.notMatch((await refused(rule('x {{ ${NAME} }}'), { NAME: 'CANARY-name' })).join(), /CANARY/)
})
