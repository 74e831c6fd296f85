import t from 'tap'
import { ConfigError, formatPath, formatProblem, quote } from '../../src/config/problems.ts'
import { refusal, refused, smallest } from './helpers.ts'

t.test('an unknown key is told at its own place, with the key that was probably meant', async (t) => {
  const lines = await refused(`
providers:
  p: { type: env, prefix: APP_ }
secrets:
  db-password:
    provider: p
    refrsh: 5m
`)
  t.strictSame(lines, [
    ':7:5 secrets.db-password.refrsh: expected one of provider, fallback, template, key, field, refresh, maxStale, required, ' +
      'got the unknown key "refrsh"; did you mean "refresh"?',
  ])
})

t.test('a wrong value is told at the value, with what was there', async (t) => {
  t.strictSame(await refused(`${smallest}cache: { maxEntries: many, missingTtl: 10 }`), [
    ':6:22 cache.maxEntries: expected a whole number from 1 to 10000000, got "many"',
    ':6:40 cache.missingTtl: expected a duration such as 500ms, 10s, 5m, 12h or 7d, got 10',
  ])
})

t.test('a value of a fixed list is told with the list and the nearest of it', async (t) => {
  t.strictSame(await refused(`${smallest}log: { format: jason }`), [
    ':6:16 log.format: expected one of "auto", "json", "pretty", got "jason"; did you mean "json"?',
  ])
})

t.test('an option that is missing is told at what it is missing from', async (t) => {
  t.strictSame(await refused('ops: {}\n'), [
    ':1:1 ops.listen: expected an address such as 127.0.0.1:7575, [::1]:7575 or unix:/run/sidekeep/api.sock, got nothing',
  ])
})

t.test('an unknown type of provider is told with the known ones', async (t) => {
  const kinds = [
    ...['http', 'file', 'env', 'vault', 'aws-secrets-manager', 'aws-parameter-store', 'kubernetes'],
    ...['google-secret-manager', 'azure-key-vault', 'onepassword-connect', 'exec'],
  ]
    .map((kind) => `"${kind}"`)
    .join(', ')
  const lines = await refused(
    'providers: { a: { type: htp }, b: { url: x }, c: 3 }\nsecrets: { x: { provider: a } }',
  )
  t.strictSame(lines, [
    `:1:25 providers.a.type: expected one of ${kinds}, got "htp"; did you mean "http"?`,
    `:1:32 providers.b.type: expected one of ${kinds}, got nothing`,
    ':1:50 providers.c: expected a mapping with the key type, got something else',
  ])
})

t.test('a name that is none is told at the name', async (t) => {
  const lines = await refused(`
providers:
  p: { type: env, prefix: APP_ }
  "a b": { type: env, prefix: APP_ }
secrets:
  ../x: { provider: p }
`)
  t.match(lines, [
    /^:4:3 providers\["a b"\]: expected a name of 1 to 63 letters/,
    /^:6:3 secrets\["\.\.\/x"\]: expected a name/,
  ])
})

t.test('sections of the wrong kind are told with what they should be', async (t) => {
  t.strictSame(
    await refused(
      'api: []\nproviders: x\nsecrets:\nproxy: { listen: "127.0.0.1:1", upstream: "http://a", limits: 3 }',
    ),
    [
      ':1:6 api: expected a mapping with the keys listen, callers, limit, listeners, allowRemote, tls, access, hosts, maxConnections, demandTimeout, refreshTimeout, maxWait, maxWaiters, maxEventStreams, eventHistory, socketMode, socketOwner, socketGroup, allowSharedDirectory, got a list',
      ':2:12 providers: expected a mapping of provider names to providers, got something else',
      ':3:9 secrets: expected a mapping of secret names to rules, got nothing',
      ':4:63 proxy.limits: expected a list of limits, got 3',
    ],
  )
})

t.test('all that is wrong is told at once, in the order of the file', async (t) => {
  const error = await refusal(`
api: { lisen: x, access: opn }
ops: { listen: :7576 }
providers:
  p: { type: http, url: "ftp://x", timeout: 5x }
secrets:
  a: { provider: q, required: yes }
  a: { provider: p }
  "b*": { provider: p, key: c }
`)
  t.strictSame(
    error.problems.map(({ line, path }) => `${line} ${formatPath(path)}`),
    [
      '2 api.lisen',
      '2 api.access',
      '3 ops.listen',
      '5 providers.p.url',
      '5 providers.p.timeout',
      '7 secrets.a.provider',
      '7 secrets.a.required',
      '8 secrets.a',
      '9 secrets["b*"].key',
    ],
  )
  t.equal(error.code, 'SIDEKEEP_CONFIG_INVALID')
  t.equal(error.exitCode, 78)
  t.equal(error.message.split('\n').length, 9, 'one line each')
  t.match(error.message, /^sidekeep\.yaml:2:8 api\.lisen: expected/)
})

t.test('what is wrong by itself gives no second, false problem with another option', async (t) => {
  t.equal(
    (await refused(`${smallest}  b: { provider: p, refresh: 48h, maxStale: 2x }`)).length,
    1,
    'no default is compared',
  )
  t.equal(
    (await refused('api: { listen: x }\nops: { listen: "127.0.0.1:7575" }')).length,
    1,
    'no default collides',
  )
  t.equal(
    (await refused('providers: { p: { type: x } }\nsecrets: { a: { provider: p } }')).length,
    1,
    'p is there',
  )
})

t.test('an option that stands in a list is told by its number', async (t) => {
  const proxy =
    'proxy: { listen: "127.0.0.1:1", upstream: "http://a", limits: [{ name: a, rate: 1/s }, { name: b, rate: 5 }] }'
  t.match(await refused(smallest + proxy), [/^:6:\d+ proxy\.limits\[1\]\.rate: expected a rate such as/])
})

t.test('a path is written so that it can be told from another', async (t) => {
  t.equal(formatPath(['secrets', 'db-password', 'refresh']), 'secrets.db-password.refresh')
  t.equal(formatPath(['secrets', 'shared/*', 'key']), 'secrets["shared/*"].key')
  t.equal(formatPath(['proxy', 'limits', 0, 'rate']), 'proxy.limits[0].rate')
})

t.test('a problem without a place in a file is told by its source', async (t) => {
  t.equal(
    formatProblem({ path: [], expected: 'a file', got: 'nothing' }, 'x.yaml'),
    'x.yaml: expected a file, got nothing',
  )
})

t.test('a quoted text stays on one line and cannot rule a terminal', async (t) => {
  t.equal(quote('a\nb\u001b[2J\u009b\u202e\u2028'), '"a\\nb\\u001b[2J\\u009b\\u202e\\u2028"')
  t.ok(quote('x'.repeat(5000)).length < 300, 'nor fill it')
})

t.test('a message lists the first hundred problems and counts the rest', (t) => {
  const problems = Array.from({ length: 250 }, (_, at) => ({
    path: ['a'],
    line: at + 1,
    column: 1,
    expected: 'b',
  }))
  const lines = new ConfigError(problems, 'sidekeep.yaml').message.split('\n')
  t.equal(lines.length, 101)
  t.equal(lines.at(-1), 'and 150 more')
  t.end()
})
