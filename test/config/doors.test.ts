/** The rules between the options of the API's listeners. */
import t from 'tap'
import { parse, refused, smallest } from './helpers.ts'

const api = (options: string): string => `${smallest}api: { ${options} }`
const warningsOf = async (options: string): Promise<readonly string[]> => (await parse(api(options))).warnings
const callers = 'callers: { web: { tokens: [{ file: /nowhere/t }], allow: [a] } }'
const worker = 'callers: { worker: { tokens: [{ file: /nowhere/w }], allow: [a] } }'
const tls = 'tls: { cert: /c.pem, key: /k.pem }'
const remote = '0.0.0.0:7575'

t.test('an address that other machines reach needs consent, callers and TLS: each is told', async (t) => {
  t.match(await refused(api(`listen: "${remote}"`)), [
    /^:6:16 api\.listen: expected a loopback address .* unless api\.allowRemote is true and there are callers and tls, got "0\.0\.0\.0:7575"$/,
    /^:6:16 api\.callers: expected callers with tokens, since api\.listen is an address that other machines reach, got nothing$/,
    /^:6:16 api\.tls: expected a certificate \(cert, key\), since .*, got nothing$/,
  ])
  const cases: [string, RegExp][] = [
    [`${callers}, ${tls}`, /^:6:16 api\.listen: /],
    [`allowRemote: true, ${tls}`, /^:6:16 api\.callers: /],
    [`allowRemote: true, ${callers}`, /^:6:16 api\.tls: /],
  ]
  for (const [options, told] of cases) {
    const lines = await refused(api(`listen: "${remote}", ${options}`))
    t.match(lines, [told])
    t.equal(lines.length, 1, options)
  }
  t.ok(await parse(api(`listen: "${remote}", allowRemote: true, ${callers}, ${tls}`)))
})

t.test('so does a further listener, and what is wrong by itself is not missing', async (t) => {
  const lines = await refused(api(`listeners: [{ listen: "0.0.0.0:7577", allow: [a] }]`))
  t.strictSame(
    lines.map((line) => line.split(':')[2]?.split(' ')[1]),
    ['api.listeners[0].listen', 'api.listeners[0].callers', 'api.listeners[0].tls'],
  )
  const broken = await refused(
    api(`listen: "${remote}", allowRemote: true, tls: { cert: /c }, callers: { web: 3 }`),
  )
  t.match(broken, [/api\.tls\.key: expected a path, got nothing/, /api\.callers\.web: expected a mapping/])
  t.equal(broken.length, 2)
})

t.test('where nothing but loopback may be named as host, other machines cannot ask: a warning', async (t) => {
  const options = `listen: "${remote}", allowRemote: true, ${callers}, ${tls}`
  const told = /^api\.listen is 0\.0\.0\.0:7575, and api\.hosts names no host: .* are refused\.$/
  t.ok((await warningsOf(options)).some((line) => told.test(line)))
  t.notOk((await warningsOf(`${options}, hosts: [a.test]`)).some((line) => told.test(line)))
})

t.test('only loopback and a Unix socket may be open, and that is a warning', async (t) => {
  t.match(await refused(api(`listen: "${remote}", allowRemote: true, access: open, ${tls}`)), [
    /api\.callers: /,
    /api\.access: expected "header": only loopback and a Unix socket may be open, got "open"/,
  ])
  t.match(await warningsOf('listeners: [{ listen: "unix:/a", allow: [a], access: open }]'), [
    /^api\.listeners\[0\]\.access is open: any request that reaches the listener is answered/,
  ])
})

t.test('callers take the place of access, and have rights and limits of their own', async (t) => {
  for (const access of ['header', 'open']) {
    t.match(await refused(api(`access: ${access}, ${callers}`)), [
      `:6:16 api.access: expected nothing here beside api.callers: tokens take its place, got "${access}"`,
    ])
  }
  t.ok(await parse(api(`limit: 5/s, ${callers}`)), 'the limit is that of callers without one')
  const lines = await refused(
    api(`listeners: [{ listen: "unix:/a", access: header, rights: [read], limit: 5/s, ${worker} }]`),
  )
  t.match(lines, [
    /api\.listeners\[0\]\.access: expected nothing here beside api\.listeners\[0\]\.callers: tokens take its place/,
    /api\.listeners\[0\]\.rights: expected nothing here beside .*: each caller has its own, got a list/,
    /api\.listeners\[0\]\.limit: expected nothing here beside .*: each caller has its own, got "5\/s"/,
  ])
  t.equal(lines.length, 3)
})

t.test(
  'a further listener is for callers or for an allow-list, not for both and not for anybody',
  async (t) => {
    t.match(await refused(api('listeners: [{ listen: "unix:/a" }]')), [
      ':6:20 api.listeners[0]: expected either callers or allow, which says what the listener is for, got neither',
    ])
    t.match(await refused(api(`listeners: [{ listen: "unix:/a", allow: [a], ${worker} }]`)), [
      /api\.listeners\[0\]\.allow: expected nothing beside callers, since each has a list of its own, got both/,
    ])
    t.ok(await parse(api(`listeners: [{ listen: "unix:/a", allow: [a] }, { listen: "unix:/b", ${worker} }]`)))
  },
)

t.test('TLS on a Unix socket is refused', async (t) => {
  t.match(await refused(api(`listen: "unix:/a", ${tls}`)), [
    /api\.tls: expected nothing here: .* got a mapping/,
  ])
  t.match(await refused(api(`listeners: [{ listen: "unix:/a", allow: [a], ${tls} }]`)), [
    /api\.listeners\[0\]\.tls: expected nothing here/,
  ])
  t.ok(await parse(api(`listen: "127.0.0.1:0", ${tls}`)), 'on loopback it is no mistake')
})

t.test('a list that whoever is kept out can walk around is a warning', async (t) => {
  const listeners = 'listeners: [{ listen: "unix:/a", allow: [a] }, { listen: "unix:/b", allow: [a] }]'
  t.match(await warningsOf(listeners), [
    /^api\.listen is 127\.0\.0\.1:7575 and has no callers: .*every secret, .*make it a Unix socket\.$/,
  ])
  const worker = 'callers: { worker: { tokens: [{ file: /none }], allow: [a] } }'
  t.match(await warningsOf(`listeners: [{ listen: "unix:/a", ${worker} }]`), [/^api\.listen /, /\/none/])
  t.strictSame(
    await warningsOf(`listen: "unix:/m", ${listeners}`),
    [],
    'a socket is for whom its mode lets in',
  )
  t.strictSame(
    (await warningsOf(`${listeners}, ${worker}`)).filter((line) => !line.includes('/none')),
    [],
    'callers have lists of their own',
  )
})

t.test('what is of use on a Unix socket alone is a warning on another address', async (t) => {
  t.strictSame(await warningsOf('socketMode: "0600", socketOwner: 0, socketGroup: app'), [
    'api.socketMode has no effect: api.listen is no Unix socket.',
    'api.socketOwner has no effect: api.listen is no Unix socket.',
    'api.socketGroup has no effect: api.listen is no Unix socket.',
  ])
  t.strictSame(
    await warningsOf('listen: "unix:/m", listeners: [{ listen: "127.0.0.1:0", allow: [a], mode: "0600" }]'),
    ['api.listeners[0].mode has no effect: api.listeners[0].listen is no Unix socket.'],
  )
  t.strictSame(await warningsOf('listen: "unix:/a", socketMode: "0600", socketOwner: 0'), [])
})

t.test('a socket that lets everybody in, and callers that are not there, are a warning', async (t) => {
  t.match(await warningsOf('listen: "unix:/a", socketMode: "0666"'), [
    /^api\.socketMode lets everybody connect who reaches the socket, and without callers/,
  ])
  t.strictSame(
    await warningsOf('listen: "unix:/m", listeners: [{ listen: "unix:/a", allow: [a], mode: "0666" }]'),
    [],
  )
  t.match(await warningsOf(`listen: "unix:/a", socketMode: "0666", ${callers}`), [
    /^api\.callers\.web\.tokens/,
  ])
})

t.test('all addresses differ, those of further listeners too', async (t) => {
  const config = (first: string, second: string): string =>
    `${api(`listen: "127.0.0.1:1", listeners: [{ listen: "${first}", allow: [a] }, { listen: "${second}", allow: [a] }]`)}
ops: { listen: "0.0.0.0:2" }
proxy: { listen: "0.0.0.0:3", upstream: "http://a" }
`
  t.match(await refused(config('127.0.0.1:1', 'unix:/a')), [
    /api\.listeners\[0\]\.listen: expected a port that api\.listen does not use already/,
  ])
  t.match(await refused(config('unix:/a', 'unix:/b/../a')), [
    /api\.listeners\[1\]\.listen: expected a socket path that api\.listeners\[0\]\.listen does not use already/,
  ])
  t.match(await refused(config('127.0.0.1:2', '[::1]:3')), [
    /ops\.listen: expected a port that api\.listeners\[0\]\.listen does not use/,
    /proxy\.listen: expected a port that api\.listeners\[1\]\.listen does not use/,
  ])
  t.ok(await parse(config('127.0.0.2:1', 'unix:/a')))
})

t.test('there are 64 further listeners at the most', async (t) => {
  const listeners = (count: number): string =>
    api(`listeners: [${Array.from({ length: count }, (_, i) => `{ listen: "unix:/s${i}", allow: [a] }`)}]`)
  t.ok(await parse(listeners(64)))
  t.match(await refused(listeners(65)), [/^:6:\d+ api\.listeners: expected a list of at most 64 listeners/])
})
