import t from 'tap'
import { canList } from '../../src/config/checks/secrets.ts'
import type { ProviderConfig } from '../../src/config/schema.ts'
import { parse, refused, smallest } from './helpers.ts'

const http = (name: string, url: string, more = ''): string =>
  `  ${name}: { type: http, url: "${url}"${more} }\n`

t.test('a rule that names no provider is told with the one that was probably meant', async (t) => {
  const lines = await refused(
    `providers:\n${http('platform', 'https://a.test')}secrets:\n  a: { provider: platfrom }\n`,
  )
  t.strictSame(lines, [
    ':4:18 secrets.a.provider: expected a provider of providers: "platform", got "platfrom"; did you mean "platform"?',
  ])
})

t.test('of many providers only some are listed', async (t) => {
  const providers = Array.from({ length: 15 }, (_, i) => http(`backend-${i}`, 'https://a.test')).join('')
  t.match(await refused(`providers:\n${providers}secrets: { a: { provider: zzz } }\n`), [
    /"backend-9" and 5 more, got "zzz"$/,
  ])
})

t.test('a provider that no rule uses is a warning', async (t) => {
  const { warnings } = await parse(smallest.replace('secrets:', `${http('idle', 'https://a.test')}secrets:`))
  t.strictSame(warnings, ['providers.idle is used by no rule of secrets.'])
})

t.test('a configuration without secrets is a warning', async (t) => {
  t.strictSame((await parse('log: {}')).warnings, ['secrets names no secret: there is nothing to serve.'])
})

t.test('the API listens on loopback or a Unix socket only', async (t) => {
  for (const listen of ['0.0.0.0:7575', '10.0.0.1:7575', '[::]:7575']) {
    const lines = await refused(`${smallest}api: { listen: "${listen}" }`)
    t.match(
      lines,
      [/^:6:16 api\.listen: expected a loopback address .* whoever reaches this listener can read/],
      listen,
    )
  }
  for (const listen of ['127.0.0.2:7575', '[::1]:7575', 'unix:/run/api.sock']) {
    t.ok(await parse(`${smallest}api: { listen: "${listen}" }`), listen)
  }
})

t.test('an audit goes to a file or to standard output, and to one of them', async (t) => {
  const audit = (options: string): Promise<string[]> => refused(`${smallest}audit: { ${options} }`)
  t.match(await audit(''), [
    ':6:8 audit: expected either file or stdout: true, where the lines go, got neither',
  ])
  t.match(await audit('stdout: false'), [/^:6:8 audit: .*, got neither$/])
  t.match(await audit('file: /a, stdout: true'), [/^:6:28 audit\.stdout: .*, got both$/])
  t.match((await audit('file: 3')).length, 1, 'what is wrong by itself is told once')
  t.ok(await parse(`${smallest}audit: { file: /a }`))
  t.ok(await parse(`${smallest}audit: { stdout: true, onFailure: refuse }`))
})

t.test('a linger that leaves no time to stop is refused', async (t) => {
  for (const [shutdown, timeout] of [
    ['linger: 30s', '25s'],
    ['timeout: 5s, linger: 5s', '5s'],
  ]) {
    t.match(await refused(`${smallest}shutdown: { ${shutdown} }`), [
      `shutdown.linger: expected less than shutdown.timeout, which is ${timeout}: else every stop would be cut short`,
    ])
  }
  t.ok(await parse(`${smallest}shutdown: { timeout: 5s, linger: 4s }`))
})

t.test('two listeners on one port are refused, each collision told', async (t) => {
  t.match(await refused(`${smallest}ops: { listen: "127.0.0.1:7575" }`), [
    ':6:16 ops.listen: expected a port that api.listen does not use already, got "127.0.0.1:7575"',
  ])
  t.match(await refused(`${smallest}ops: { listen: "0.0.0.0:7575" }`), [
    /a port that api\.listen does not use/,
  ])
  const all =
    'ops: { listen: "0.0.0.0:1" }\nproxy: { listen: "[::]:1", upstream: "http://a" }\napi: { listen: "127.0.0.1:1" }'
  t.match(await refused(smallest + all), [/ops\.listen.*api/, /proxy\.listen.*api/, /proxy\.listen.*ops/])
})

t.test('two listeners on one socket are refused', async (t) => {
  const lines = await refused(
    `${smallest}api: { listen: "unix:/run/a.sock" }\nops: { listen: "unix:/run/../run/a.sock" }`,
  )
  t.match(lines, [/ops\.listen: expected a socket path that api\.listen does not use already/])
})

t.test('any number of listeners may ask for any free port', async (t) => {
  t.ok(await parse(`${smallest}api: { listen: "127.0.0.1:0" }\nops: { listen: "127.0.0.1:0" }`))
})

t.test('a secret must not expire before it is fetched again', async (t) => {
  const rule = (options: string): Promise<string[]> => refused(`${smallest}  b: { provider: p, ${options} }`)
  t.match(await rule('refresh: 10m, maxStale: 5m'), [
    /secrets\.b\.maxStale: expected at least refresh, which is 10m.*got "5m"/,
  ])
  t.match(
    await rule('maxStale: 1m'),
    [/secrets\.b\.maxStale: expected at least refresh, which is 5m/],
    'against a default',
  )
  t.match(
    await rule('refresh: 2d'),
    [/secrets\.b\.refresh: expected at most maxStale, which is 1d/],
    'told where it was written',
  )
  t.ok(await parse(`${smallest}  b: { provider: p, refresh: 10m, maxStale: 10m }`))
})

t.test('a refresh of less than 100 ms is refused', async (t) => {
  t.match(await refused(`${smallest}  b: { provider: p, refresh: 99ms }`), [
    /expected a duration from 100ms to 365d, got "99ms"/,
  ])
})

t.test('a pattern and its key have one * each', async (t) => {
  t.match(await refused(`${smallest}  "b/*": { provider: p, key: b }`), [
    /secrets\["b\/\*"\]\.key: expected a key with one "\*"/,
  ])
  t.match(await refused(`${smallest}  "b/*": { provider: p, key: "*/*" }`), [/expected a key with one "\*"/])
  t.match(await refused(`${smallest}  "*/*": { provider: p }`), [/with one "\*" at most/])
  t.match(await refused(`${smallest}  b: { provider: p, key: "*" }`), [
    /secrets\.b\.key: expected a key without "\*"/,
  ])
  const { config } = await parse(`${smallest}  "b/*": { provider: p }\n  "c/*": { provider: p, key: "*" }`)
  t.equal(config.secrets['b/*']?.key, 'b/*')
  t.equal(config.secrets['c/*']?.key, '*')
})

t.test('a pattern can be required only where the provider can list', async (t) => {
  const config = (url: string): string =>
    `providers:\n${http('p', url)}secrets:\n  "*": { provider: p, required: true }\n  a: { provider: p, required: true }\n`
  t.match(await refused(config('https://a.test/{key}')), [
    /secrets\["\*"\]\.required: expected false: the provider p is asked key by key/,
  ])
  t.ok(await parse(config('https://a.test/')))
})

t.test('which kinds of provider can list', (t) => {
  const of = (provider: object): boolean => canList(provider as ProviderConfig)
  for (const type of [
    'file',
    'env',
    'vault',
    'aws-secrets-manager',
    'aws-parameter-store',
    'kubernetes',
    'google-secret-manager',
    'azure-key-vault',
    'onepassword-connect',
  ]) {
    t.ok(of({ type }), type)
  }
  t.ok(of({ type: 'http', url: 'https://a.test/' }))
  t.notOk(of({ type: 'http', url: 'https://a.test/{key}' }))
  t.ok(of({ type: 'exec', command: ['pass', 'show-all'] }))
  t.notOk(of({ type: 'exec', command: ['pass', 'show', 'team/{key}'] }))
  t.end()
})

t.test('an open API is a warning', async (t) => {
  t.match((await parse(`${smallest}api: { access: open }`)).warnings, [/^api\.access is open/])
})

t.test('plain http to another host is a warning, and to this one it is not', async (t) => {
  const warnings = async (url: string, more = ''): Promise<readonly string[]> =>
    (await parse(`providers:\n${http('p', url, more)}secrets: { a: { provider: p } }`)).warnings
  t.match(await warnings('http://a.test/{key}'), [
    'providers.p.url is plain http to another host: secrets travel unencrypted.',
  ])
  t.match(await warnings('http://a.test', ', token: CANARY-token-1'), [
    /secrets and the token travel unencrypted/,
  ])
  for (const url of ['https://a.test', 'http://127.0.0.1:1', 'http://localhost', 'http://[::1]:1/{key}']) {
    t.strictSame(await warnings(url), [], url)
  }
})

t.test('a credential from a variable that is not set is warned of, and one that is set is not', async (t) => {
  const text = `providers:
  p:
    type: http
    url: "https://a.test"
    token: { env: TOKEN }
    headers: { X-Key: { env: KEY } }
secrets: { a: { provider: p } }
`
  const { warnings } = await parse(text, { KEY: 'CANARY-key' })
  t.strictSame(warnings, [
    'providers.p.token is to come from the variable TOKEN, which is not set: no call to the provider can succeed.',
  ])
  t.strictSame((await parse(text, { KEY: 'CANARY-key', TOKEN: 'CANARY-token' })).warnings, [])
})
