/** The rules between the options of the proxy. */
import t from 'tap'
import { parse, refused, smallest } from './helpers.ts'

const tls =
  'tls: { cert: { secret: shared/tls, field: tls.crt }, key: { secret: shared/tls, field: tls.key } }'
const named = '  shared/tls: { provider: p, required: true }\n'

const config = (options: string, secrets = '', upstream = 'http://127.0.0.1:1'): string =>
  `${smallest}${secrets}proxy: { listen: "127.0.0.1:8080", upstream: "${upstream}", ${options} }`
const warningsOf = async (options: string, upstream?: string): Promise<readonly string[]> =>
  (await parse(config(options, '', upstream))).warnings

t.test('a secret that the proxy uses must be one that the sidecar waits for', async (t) => {
  t.ok(await parse(config(tls, named)))
  t.ok(await parse(config(tls, '  "shared/*": { provider: p, required: true }\n')), 'by a pattern too')
  t.strictSame(await refused(config(tls)), [
    ':6:91 proxy.tls.cert.secret: expected the name of a secret that secrets declares with required: true, got "shared/tls"',
    ':6:136 proxy.tls.key.secret: expected the name of a secret that secrets declares with required: true, got "shared/tls"',
  ])
  t.match(await refused(config(tls, named.replace('true', 'false'))), [
    /proxy\.tls\.cert\.secret: expected a secret that is required, since the proxy uses it: set secrets\["shared\/tls"\]\.required to true, got "shared\/tls"$/,
    /proxy\.tls\.key\.secret/,
  ])
  const nearest = '  "*": { provider: p, required: true }\n  "shared/*": { provider: p }\n'
  t.match(await refused(config(tls, nearest)), [
    /set secrets\["shared\/\*"\]\.required to true/,
    /key\.secret/,
  ])
})

t.test('so must the authorities of clients and the password of the store', async (t) => {
  const files = 'cert: /c.pem, key: /k.pem'
  t.ok(await parse(config(`tls: { ${files} }`)))
  t.match(await refused(config(`tls: { ${files}, clientCa: { secret: ca } }`)), [
    /^:6:\d+ proxy\.tls\.clientCa\.secret: expected the name of a secret/,
  ])
  const store = (password: string): string =>
    `limits: [{ name: a, rate: 1/s }], store: { url: "redis://r", password: ${password} }`
  t.match(await refused(config(store('{ secret: redis, field: password }'))), [
    /^:6:\d+ proxy\.store\.password\.secret: expected the name of a secret .*, got "redis"$/,
  ])
  t.ok(await parse(config(store('{ secret: redis }'), '  redis: { provider: p, required: true }\n')))
  t.ok(await parse(config(store('{ file: /p }'))))
})

t.test('what is wrong by itself is told once', async (t) => {
  t.match((await refused(config(tls, named.replace('true', 'perhaps')))).length, 1)
  t.match((await refused(config('tls: { cert: { secret: 3 }, key: /k }'))).length, 1)
})

t.test('HTTPS on a Unix socket is refused', async (t) => {
  const text = config('tls: { cert: /c.pem, key: /k.pem }').replace('127.0.0.1:8080', 'unix:/run/proxy.sock')
  t.match(await refused(text), [/^:6:\d+ proxy\.tls: expected nothing here: what goes through a Unix socket/])
})

t.test('each limit has a name of its own', async (t) => {
  const limit = (name: string): string => `{ name: ${name}, rate: 1/s }`
  t.ok(await parse(config(`limits: [${limit('a')}, ${limit('A')}]`)))
  t.match(await refused(config(`limits: [${limit('a')}, ${limit('b')}, ${limit('a')}, ${limit('a')}]`)), [
    /proxy\.limits\[2\]\.name: expected another name than proxy\.limits\[0\]\.name, got "a"$/,
    /proxy\.limits\[3\]\.name: expected another name than proxy\.limits\[0\]\.name/,
  ])
})

t.test('what has no effect as the other options are is a warning', async (t) => {
  const ca = 'upstreamTls: { ca: { file: /ca.pem }, serverName: a }'
  t.strictSame(await warningsOf(ca), [
    'proxy.upstreamTls.ca has no effect: proxy.upstream is no https.',
    'proxy.upstreamTls.serverName has no effect: proxy.upstream is no https.',
  ])
  t.strictSame(await warningsOf(ca, 'https://a.test'), [])
  t.strictSame(await warningsOf('concurrency: { max: 0, queue: 5 }'), [
    'proxy.concurrency.queue has no effect: proxy.concurrency.max is 0, so nobody ever waits.',
  ])
  t.strictSame(await warningsOf('concurrency: { max: 0 }'), [], 'nobody asked for a queue')
  t.strictSame(await warningsOf('concurrency: { max: 0, queue: 0 }'), [])
  t.strictSame(await warningsOf('store: "redis://redis:6379"'), [
    'proxy.store has no effect: proxy.limits has no limit to count there.',
  ])
  t.strictSame(await warningsOf('store: "redis://redis:6379", limits: [{ name: a, rate: 1/s }]'), [])
})

t.test('limits by what clients choose are a warning where none counts by their address', async (t) => {
  const limits = (...keys: string[]): string =>
    `limits: [${keys.map((key, index) => `{ name: a${index}, rate: 1/s, key: ${key} }`).join(', ')}]`
  const told = (keys: string): string =>
    `${keys} is what clients choose themselves, and no limit that is enforced counts by client-ip: whoever sends another value each time is not refused. Add a limit by client-ip.`
  t.strictSame(await warningsOf(limits('"header:X-Api-Key"', 'none', '[path, "cookie:id"]')), [
    told('proxy.limits[0].key, proxy.limits[2].key'),
  ])
  t.strictSame(await warningsOf(limits('path, mode: shadow')), [], 'a shadow refuses nobody anyway')
  t.strictSame(await warningsOf(limits('path', 'client-ip, mode: shadow')), [told('proxy.limits[0].key')])
  t.strictSame(await warningsOf(limits('path', '[client-ip, path]')), [])
  t.strictSame(await warningsOf(limits('none')), [])
})

t.test('to trust everybody’s X-Forwarded-For is a warning', async (t) => {
  t.strictSame(await warningsOf('trustedProxies: ["10.0.0.0/8", "0.0.0.0/0", "::/0"]'), [
    'proxy.trustedProxies[1] is everybody: any client may claim any address with X-Forwarded-For. Name the load balancers alone.',
    'proxy.trustedProxies[2] is everybody: any client may claim any address with X-Forwarded-For. Name the load balancers alone.',
  ])
  t.strictSame(await warningsOf('trustedProxies: ["10.0.0.0/8", "10.0.0.0", "::/10"]'), [])
})

t.test('a name that came from a variable is told by its reference', async (t) => {
  const text = config(`tls: { cert: /c, key: { secret: "$\{KEY_SECRET}" } }`)
  const lines = await refused(text, { KEY_SECRET: 'CANARY-name' })
  t.match(lines, [/proxy\.tls\.key\.secret: expected .*, got "\$\{KEY_SECRET\}"$/])
  t.notMatch(lines.join(), 'CANARY')
})

t.test('a rate beyond the largest burst has that burst', async (t) => {
  const { config: parsed } = await parse(config('limits: [{ name: a, rate: 10000000/s }]'))
  t.match(parsed.proxy?.limits, [{ rate: 10_000_000, burst: 1_000_000 }])
})

t.test('what is wrong in a mapping is told there, where one alternative alone is a mapping', async (t) => {
  const limits = 'limits: [{ name: a, rate: 1/s }]'
  t.match(await refused(config(`${limits}, store: { url: "redis://r", timout: 5ms }`)), [
    /proxy\.store\.timout: .*got the unknown key "timout"/,
  ])
  t.match(await refused(config(`${limits}, store: { url: "redis://r", timeout: 10s }`)), [
    /proxy\.store\.timeout: expected a duration from 1ms to 5s/,
  ])
  t.match(await refused(config('tls: { cert: { secret: shared/tls, feild: b }, key: /k }', named)), [
    /proxy\.tls\.cert\.feild: .*got the unknown key "feild"/,
  ])
})

t.test('the address of a store has a port that there is, and a cluster no database', async (t) => {
  const limits = 'limits: [{ name: a, rate: 1/s }]'
  for (const url of ['redis://r:0', 'redis://r:99999', 'redis://[:::::]'])
    t.match(await refused(config(`${limits}, store: "${url}"`)), [
      /proxy\.store: expected memory, or the address/,
    ])
  const cluster = (url: string): string => config(`${limits}, store: { url: "${url}", cluster: true }`)
  t.ok(await parse(cluster('redis://r:6379')))
  t.ok(await parse(cluster('redis://r/0')))
  t.match(await refused(cluster('redis://r/3')), [/proxy\.store\.url: expected no number of a database/])
})

t.test('a proxy before itself is refused', async (t) => {
  for (const upstream of ['http://127.0.0.1:8080', 'http://localhost:8080'])
    t.match(await refused(config('exempt: []', '', upstream)), [
      /proxy\.upstream: expected the application's address/,
    ])
  const everywhere = config('exempt: []', '', 'http://10.0.0.5:8080').replace(
    '127.0.0.1:8080',
    '0.0.0.0:8080',
  )
  t.ok(await parse(everywhere), 'the same port of another machine is another listener')
})

t.test('patterns that no request matches, and methods that nobody knows, are refused', async (t) => {
  for (const path of ['/a?b', '/a#b', '/a/../b', '//a', '/a/..'])
    t.match(
      await refused(config(`exempt: ["${path}"]`)),
      [/proxy\.exempt\[0\]: expected a path such as/],
      path,
    )
  t.ok(await parse(config('exempt: ["/a..b", "/..c/*"]')))
  t.match(await refused(config('limits: [{ name: a, rate: 1/s, match: { methods: [POTS] } }]')), [
    /proxy\.limits\[0\]\.match\.methods\[0\]: expected .*got "POTS"/,
  ])
})
