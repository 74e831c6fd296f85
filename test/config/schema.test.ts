import t from 'tap'
import type { ProviderConfig } from '../../src/config/schema.ts'
import { parse, refused, smallest } from './helpers.ts'

type HttpProvider = Extract<ProviderConfig, { type: 'http' }>
const calls = { maxCallsPerSecond: 100, maxConcurrentCalls: 8, maxQueuedCalls: 1000 }

t.test('the defaults are those of the design', async (t) => {
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test" } }\nsecrets: { a: { provider: p } }',
  )
  t.strictSame(config, {
    api: {
      listen: { kind: 'tcp', host: '127.0.0.1', port: 7575 },
      listeners: [],
      allowRemote: false,
      access: 'header',
      hosts: [],
      maxConnections: 1024,
      demandTimeout: 5000,
      refreshTimeout: 10_000,
      maxWait: 60_000,
      maxWaiters: 10_000,
      maxEventStreams: 100,
      eventHistory: 1000,
      socketMode: 0o660,
      allowSharedDirectory: false,
    },
    providers: {
      p: {
        type: 'http',
        url: 'https://a.test',
        timeout: 5000,
        maxBody: 1_048_576,
        maxRemembered: 16_777_216,
        maxSecrets: 10_000,
        ...calls,
      },
    },
    secrets: { a: { provider: 'p', key: 'a', refresh: 300_000, maxStale: 86_400_000, required: false } },
    cache: { maxEntries: 10_000, maxBytes: 67_108_864, missingTtl: 10_000, maxMissing: 10_000 },
    reload: { watch: true, poll: 5000 },
    shutdown: { timeout: 25_000, notice: 2_000, linger: 0 },
    log: { level: 'info', format: 'auto' },
    files: [],
  })
})

t.test('a file and an env provider have their own options', async (t) => {
  const { config } = await parse(
    'providers: { f: { type: file, path: /etc/secrets, maxBody: 4096 }, e: { type: env, prefix: APP_ } }',
  )
  t.strictSame(config.providers, {
    f: {
      type: 'file',
      path: '/etc/secrets',
      format: 'auto',
      poll: 1000,
      maxBody: 4096,
      maxSecrets: 10_000,
      ...calls,
    },
    e: { type: 'env', prefix: 'APP_', ...calls },
  })
  t.match(await refused('providers: { e: { type: env, prefix: "1A" } }'), [
    /the name of an environment variable/,
  ])
})

t.test('the proxy has defaults of its own', async (t) => {
  const { config } = await parse(
    `${smallest}proxy: { listen: "0.0.0.0:8080", upstream: "http://127.0.0.1:8081", limits: [{ name: a, key: client-ip, rate: 90/m }, { name: b, match: { path: "/api/*", methods: [POST] }, rate: 1/h, key: ["header:X-Key", "cookie:Sid"], burst: 5, mode: shadow, maxKeys: 10 }, { name: c, rate: 1/s }] }`,
  )
  t.strictSame(config.proxy, {
    listen: { kind: 'tcp', host: '0.0.0.0', port: 8080 },
    upstream: 'http://127.0.0.1:8081',
    upstreamTls: {},
    trustedProxies: [],
    timeouts: { connect: 2000, headers: 30_000, idle: 60_000, request: 0, upgraded: 3_600_000 },
    maxBody: 0,
    concurrency: { max: 512, queue: 128, queueTimeout: 1000 },
    limits: [
      {
        name: 'a',
        match: {},
        key: [{ by: 'client-ip' }],
        rate: 1.5,
        burst: 2,
        mode: 'enforce',
        maxKeys: 50_000,
      },
      {
        name: 'b',
        match: { path: '/api/*', methods: ['POST'] },
        key: [
          { by: 'header', name: 'x-key' },
          { by: 'cookie', name: 'Sid' },
        ],
        rate: 1 / 3600,
        burst: 5,
        mode: 'shadow',
        maxKeys: 10,
      },
      { name: 'c', match: {}, key: [{ by: 'none' }], rate: 1, burst: 1, mode: 'enforce', maxKeys: 50_000 },
    ],
    exempt: [],
    store: { kind: 'memory' },
    onStoreFailure: 'local',
    rateLimitHeaders: 'draft',
    access: { log: 'sampled', path: false, sampleRate: 10 },
  })
})

t.test('the proxy refuses what it cannot use', async (t) => {
  const proxy = (options: string): Promise<string[]> =>
    refused(`${smallest}proxy: { listen: "0.0.0.0:8080", ${options} }`)
  for (const upstream of [
    'a',
    'ftp://a',
    'http://a/path',
    'http://a?b',
    'http://u@a',
    'http://a:0',
    'unix:x',
    'http://a:99999',
  ]) {
    t.match(
      await proxy(`upstream: "${upstream}"`),
      [/proxy\.upstream: expected the application's origin/],
      upstream,
    )
  }
  for (const range of ['10.0.0.0/33', '::1/129', '10.0.0.0/8/8', '10.0.0.0/', 'a', 'fe80::1%eth0']) {
    t.match(await proxy(`upstream: "http://a", trustedProxies: ["${range}"]`), [/an address range/], range)
  }
  for (const path of ['a', '/a*b', '*', '/a**']) {
    t.match(
      await proxy(`upstream: "http://a", exempt: ["${path}"]`),
      [/proxy\.exempt\[0\]: expected a path/],
      path,
    )
  }
})

t.test('the proxy takes a socket, ranges of both families and prefixes', async (t) => {
  const options =
    'upstream: "unix:/run/app.sock", trustedProxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1], exempt: [/healthz, "/static/*"]'
  t.ok(await parse(`${smallest}proxy: { listen: "0.0.0.0:8080", ${options} }`))
})

t.test(
  'the URL of a backend is http or https, without credentials, and with {key} where it can be',
  async (t) => {
    const config = (url: string): string => `providers: { p: { type: http, url: "${url}" } }`
    for (const url of [
      'https://a.test',
      'http://a.test:8080/x?y=z',
      'https://a.test/{key}',
      'https://a.test/x?name={key}',
    ]) {
      const loaded = await parse(config(url))
      t.match(loaded.config.providers.p, { url }, 'as it was written')
    }
    const wrong: [string, RegExp][] = [
      ['a.test', /begins with http/],
      ['ftp://a.test', /begins with http/],
      ['https://', /begins with http/],
      ['https://user@a.test', /without user name/],
      ['https://:CANARY-password@a.test', /without user name/],
      ['https://a.test/#x', /without a fragment/],
      ['https://{key}.a.test/', /in its path or query only/],
      ['https://a.test/{key}/{key}', /once at most/],
      ['https://a.test/{name}', /no other placeholder/],
      ['https://a.test/a b', /without spaces/],
      [' https://a.test', /without spaces/],
    ]
    for (const [url, expected] of wrong) t.match(await refused(config(url)), [expected], url)
  },
)

t.test('headers that the connection or the token decides are refused', async (t) => {
  for (const name of ['Authorization', 'host', 'Content-Length', 'transfer-encoding', 'a b', '""']) {
    const lines = await refused(
      `providers: { p: { type: http, url: "https://a.test", headers: { ${name}: x } } }`,
    )
    t.match(lines, [/expected the name of a header/], name)
  }
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test", headers: { X-Key: { env: KEY } } } }',
    { KEY: 'CANARY-key-1' },
  )
  const provider = Object.values(config.providers).find((p): p is HttpProvider => p.type === 'http')
  t.equal(await provider?.headers?.['X-Key']?.read(), 'CANARY-key-1')
})

t.test('a string source reads the environment that the configuration was loaded with', async (t) => {
  const env = { TOKEN: 'CANARY-token-1', CA: 'CANARY-pem-1' }
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test", token: { env: TOKEN }, ca: { env: CA } } }',
    env,
  )
  const provider = Object.values(config.providers).find((p): p is HttpProvider => p.type === 'http')
  t.equal(await provider?.token?.read(), 'CANARY-token-1')
  t.equal(await provider?.ca?.read(), 'CANARY-pem-1')
})

t.test('a string source names a variable or a file, not both and nothing else', async (t) => {
  for (const token of [
    '{}',
    '{ env: A, file: B }',
    '{ var: A }',
    '""',
    '3',
    '[a]',
    '{ env: "A B" }',
    '{ file: "" }',
    'null',
  ]) {
    const lines = await refused(`providers: { p: { type: http, url: "https://a.test", token: ${token} } }`)
    t.match(lines, [/token.*: expected/], token)
  }
})

t.test('a file mode is octal and in quotes', async (t) => {
  t.equal((await parse(`${smallest}api: { socketMode: "0600" }`)).config.api.socketMode, 0o600)
  for (const mode of ['0600', '600', '"0900"', '"rw"']) {
    t.match(await refused(`${smallest}api: { socketMode: ${mode} }`), [/an octal file mode in quotes/], mode)
  }
})

t.test('an account is a name or a number, in quotes or not', async (t) => {
  const { config } = await parse(
    `${smallest}api: { listen: "unix:/run/a.sock", socketOwner: 1000, socketGroup: app, listeners: [{ listen: "unix:/run/b.sock", allow: [a], owner: "0", group: _x-1.y$ }] }`,
  )
  t.match(config.api, {
    socketOwner: '1000',
    socketGroup: 'app',
    listeners: [{ owner: '0', group: '_x-1.y$' }],
  })
  for (const owner of ['-1', '1.5', '4294967295', '""', '"01"', '"a b"', '"a:b"', 'true']) {
    t.match(
      await refused(`${smallest}api: { listen: "unix:/run/a.sock", socketOwner: ${owner} }`),
      [/socketOwner: expected the name or the number of an account/],
      owner,
    )
  }
})

t.test('allowed hosts are compared in lower case and have no port', async (t) => {
  t.strictSame((await parse(`${smallest}api: { hosts: [Secrets.Internal, "[fd00::1]"] }`)).config.api.hosts, [
    'secrets.internal',
    '[fd00::1]',
  ])
  for (const host of ['a:80', 'a/b', '""', '"*"', 'a..b/'])
    t.match(await refused(`${smallest}api: { hosts: [${host}] }`), [/./], host)
})

t.test('quantities have bounds that keep them usable', async (t) => {
  t.match(await refused(`${smallest}api: { demandTimeout: 0s }`), [
    /expected a duration from 1ms to 5m, got "0s"/,
  ])
  t.match(await refused(`${smallest}shutdown: { linger: 2h }`), [
    /expected a duration of at most 1h, got "2h"/,
  ])
  t.match(await refused(`${smallest}cache: { maxBytes: 1B }`), [
    /expected a size from 1KiB to 64GiB, got "1B"/,
  ])
  t.match(
    await refused(
      `${smallest}proxy: { listen: "0.0.0.0:1", upstream: "http://a", limits: [{ name: a, rate: 0/s }] }`,
    ),
    [/more than 0/],
  )
})

t.test('a field and a key are not empty', async (t) => {
  t.match(await refused(`${smallest}  b: { provider: p, field: "" }`), [
    /secrets\.b\.field: expected the name of a member/,
  ])
  t.match(await refused(`${smallest}  b: { provider: p, key: "" }`), [
    /secrets\.b\.key: expected the provider's name/,
  ])
  t.match(await refused(`${smallest}  b: { provider: p, key: "a\\nb" }`), [
    /secrets\.b\.key: expected the provider's name/,
  ])
})
