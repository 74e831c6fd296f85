// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a reference to a variable is what is tested.
import t from 'tap'
import { parse, refused } from './helpers.ts'

const rules = `providers:
  p: { type: env, prefix: APP_ }
secrets:
  api-key: { provider: p }
  db/password: { provider: p }
  db/user: { provider: p }
  path: { provider: p }
  "kv/*": { provider: p }
files:
`
const files = (...items: string[]): string => rules + items.map((item) => `  - ${item}\n`).join('')
/** A file with these options, in place of whatever is not named. */
const file = (more: string): string => files(`{ path: /shared/s, ${more} }`)
const json = (more: string): string => file(`format: json, secrets: [api-key], ${more}`)
const notify = (more: string): string => json(`notify: [${more}]`)
const at = (path: string, format = 'json'): string =>
  `{ path: ${path}, format: ${format}, secrets: [api-key] }`

async function warned(text: string, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
  return (await parse(text, env)).warnings
}

t.test('files of every format pass, without a warning', async (t) => {
  const text = files(
    '{ path: /s/a, format: json, secrets: ["db/*", api-key, "kv/*"] }',
    '{ path: /s/b, format: map, secrets: ["*"], keys: { kv/x: x, api-key: y } }',
    '{ path: /s/c, format: dotenv, secrets: ["db/*"], keys: { db/password: PGPASSWORD } }',
    '{ path: /s/d, format: properties, secrets: [api-key] }',
    '{ path: /s/e, format: yaml, secrets: [api-key], removeWhen: [] }',
    '{ path: /s/f, format: raw, secrets: [api-key], mode: "0400" }',
    '{ path: /s/g, format: directory, secrets: ["db/*"], keys: { db/user: u/name } }',
    '{ path: /s/h, format: template, template: "{{ api-key }}", removeWhen: [gone, expired] }',
    `{ path: /s/i, format: json, secrets: [api-key], notify: [{ http: { url: "http://127.0.0.1:80/", headers: { X-A: b } } }, { signal: SIGHUP, pidFile: /s.pid }, { exec: [/bin/x] }] }`,
  )
  t.strictSame(await warned(text), [])
})

t.test('a path is absolute, below /, and has nothing to do with that of another file', async (t) => {
  for (const path of ['s', './s', '/', '//', '/a/..', '/./'])
    t.match(await refused(files(at(path))), [
      /files\[0\]\.path: expected an absolute path below \/, such as .*, got "/,
    ])
  for (const path of ['/s/a', '/s//a/', '/s/./b/../a'])
    t.match(await refused(files(at('/s/a'), at(path))), [
      /files\[1\]\.path: expected another path than files\[0\]\.path/,
    ])
  t.match(await refused(files(at('/s', 'directory'), at('/s/a/b'))), [
    /files\[1\]\.path: expected .* neither in it/,
  ])
  t.match(await refused(files(at('/s/a/b'), at('/x'), at('/s'))), [
    /files\[2\]\.path: expected another path than files\[0\]/,
  ])
  t.ok(await parse(files(at('/s/a'), at('/s/ab'), at('/s2'), at('/t/s/a'))))
})

t.test('the format says which of secrets and template is needed, and the other is refused', async (t) => {
  t.match(await refused(file('format: json')), [
    /files\[0\]\.secrets: expected a list of the names and patterns/,
  ])
  t.match(await refused(file('format: template')), [
    /files\[0\]\.template: expected a text .* since the format is template/,
  ])
  t.match(await refused(json('template: "{{ api-key }}"')), [
    /files\[0\]\.template: expected nothing of that but with the format template, got "template"/,
  ])
  t.match(await refused(file('format: template, secrets: [api-key], template: "{{ api-key }}"')), [
    /files\[0\]\.secrets: expected nothing of that with the format template/,
  ])
})

t.test(
  'a mistake in a template is told with its place, a name with the one that was probably meant',
  async (t) => {
    const template = (text: string): string => file(`format: template, template: ${JSON.stringify(text)}`)
    t.match(await refused(template('CANARY {{ api-key | urlencod }}')), [
      /files\[0\]\.template: expected at character 21, a filter: .*, got "urlencod"; did you mean "urlencode"\?$/,
    ])
    t.match(await refused(template('CANARY {{ api-kye }}{{ api-key }}')), [
      /files\[0\]\.template: expected names of secrets that have a rule, got "api-kye"; did you mean "api-key"\?$/,
    ])
    t.match(await refused(template('{{ kv/x }}')), [
      /of their own: only a pattern covers this one, got "kv\/x"/,
    ])
    t.match(await refused(template('CANARY')), [/expected the name of a secret in \{\{ \}\}/])
    for (const text of ['CANARY {{ api-key', 'CANARY {{ b }}', 'CANARY', 'x {{ ${NAME} }}'])
      t.notMatch((await refused(template(text), { NAME: 'CANARY-name' })).join(), /CANARY/)
  },
)

t.test('what is listed by its name has a rule of its own, and is listed once', async (t) => {
  const list = (names: string): string => file(`format: json, secrets: [${names}]`)
  t.match(await refused(list('api-key, db/pasword')), [
    /:10:\d+ files\[0\]\.secrets\[1\]: expected names of secrets that have a rule, got "db\/pasword"; did you mean "db\/password"\?/,
  ])
  t.match(await refused(list('kv/x')), [
    /secrets\[0\]: expected .* only a pattern covers this one, got "kv\/x"/,
  ])
  t.match(await refused(list('api-key, "*", api-key, "*"')), [
    /secrets\[2\]: expected each name once/,
    /secrets\[3\]/,
  ])
  t.notMatch((await refused(list('"${NAME}"'), { NAME: 'api-kex' })).join(), /api-kex|did you mean/)
})

t.test('a pattern that nothing can match is told, one warning a list', async (t) => {
  const list = (names: string): string => file(`format: json, secrets: [${names}]`)
  t.strictSame(
    await warned(list('"db/*", "dv/*", "*/passwd"')),
    ['files[0].secrets has patterns that no rule of secrets can match: "dv/*".'],
    'kv/* may hold kv/passwd',
  )
  t.strictSame(await warned(list('"kv/a*z", "*key"')), [])
})

t.test('raw is for one secret, and neither it nor a template writes names', async (t) => {
  for (const names of ['api-key, path', '"db/*"'])
    t.match(await refused(file(`format: raw, secrets: [${names}]`)), [
      /secrets: expected exactly one name and no pattern/,
    ])
  t.strictSame(await warned(file('format: raw, secrets: [path], keys: { path: x }')), [
    'files[0].keys has no effect: the format raw writes no names.',
  ])
  t.match(await warned(file('format: template, template: "{{ path }}", keys: { path: x }')), [
    /keys has no effect/,
  ])
})

t.test('keys name what the file holds', async (t) => {
  t.match(
    await refused(
      file('format: json, secrets: [api-key, "kv/*"], keys: { api-kye: a, kv/x: b, db/user: c }'),
    ),
    [
      /files\[0\]\.keys\.api-kye: expected names of secrets that files\[0\]\.secrets names, got "api-kye"; did you mean "api-key"\?/,
      /files\[0\]\.keys\["db\/user"\]: expected/,
    ],
  )
})

t.test('what secrets are called is fit for the format', async (t) => {
  const keys = (format: string, key: string): string =>
    file(`format: ${format}, secrets: [api-key], keys: { api-key: ${JSON.stringify(key)} }`)
  for (const key of ['1A', 'A-B', 'A B', 'É'])
    t.match(await refused(keys('dotenv', key)), [
      /keys\.api-key: expected the name of a variable, such as DB_PASSWORD/,
    ])
  for (const key of ['/etc/x', '..x', 'a//b', 'a/../b', './a', 'a'.repeat(256)])
    t.match(await refused(keys('directory', key)), [
      /keys\.api-key: expected a path below the folder; this one/,
    ])
  t.match(await refused(keys('map', '\ud800')), [/half of a surrogate pair/])
  t.ok(await parse(keys('map', '..x y')))
  const named = `${rules.replace('api-key', '..x')}  - { path: /s, format: directory, secrets: [..x] }`
  t.match(await refused(named), [/secrets\[0\]: expected .* begins with "\.\.": name it otherwise in keys/])
  t.match(
    await refused(keys('dotenv', '${KEY}'), { KEY: 'CANARY-key' }),
    [/got "\$\{KEY\}"/],
    'what came from a variable is not repeated',
  )
})

t.test('no two secrets are called the same, as far as that is known', async (t) => {
  const twice = (format: string, keys: string): string =>
    file(`format: ${format}, secrets: [api-key, db/user], keys: { ${keys} }`)
  t.match(await refused(twice('json', 'api-key: x, db/user: x')), [
    /keys\["db\/user"\]: expected another name than that of files\[0\]\.keys\.api-key: both are written as "x"/,
  ])
  t.match(await refused(twice('dotenv', 'api-key: DB_USER')), [
    /secrets\[1\]: expected another name than that of files\[0\]\.keys\.api-key: both are written as "DB_USER"/,
  ])
  t.match(await refused(twice('properties', 'api-key: db.user')), [/both are written as "db\.user"/])
  t.ok(await parse(twice('json', 'api-key: db.user')))
  t.match(await refused(twice('directory', 'api-key: db')), [
    /secrets\[1\]: expected a path that is not below that of files\[0\]\.keys\.api-key/,
  ])
  const fromVariable = twice('json', 'api-key: "${KEY}", db/user: "${KEY}"')
  t.notMatch((await refused(fromVariable, { KEY: 'CANARY-key' })).join(), /CANARY/)
})

t.test('a variable that shells or programs act upon is told', async (t) => {
  t.strictSame(await warned(file('format: dotenv, secrets: [api-key, path], keys: { api-key: UID }')), [
    'files[0].keys.api-key is written as "UID", a variable that bash lets nobody assign to: name it otherwise in files[0].keys.',
    'files[0].secrets[1] is written as "PATH", a variable that shells or programs act upon: name it otherwise in files[0].keys.',
  ])
  for (const key of ['LD_PRELOAD', 'IFS', 'NODE_OPTIONS', 'BASH_ENV', '_'])
    t.equal((await warned(file(`format: dotenv, secrets: [path], keys: { path: ${key} }`))).length, 1, key)
  t.strictSame(await warned(file('format: json, secrets: [path], keys: { path: PATH }')), [])
})

t.test('permissions are in quotes, let the owner read, and others not', async (t) => {
  t.match(await refused(json('mode: 0440')), [
    /files\[0\]\.mode: expected permissions as four octal digits in quotes, such as "0440", got 440$/,
  ])
  t.match(await refused(json('mode: 0o440')), [/in quotes, such as "0440", got 288$/])
  t.match(await refused(json('mode: "0040"')), [
    /files\[0\]\.mode: expected permissions with which the owner may read/,
  ])
  t.match(await warned(json('mode: "0444"')), [/^files\[0\]\.mode is 0444: every user/])
  t.match(await warned(json('mode: "0442"')), [/every user/])
  t.match(await warned(json('mode: "0550"')), [
    /^files\[0\]\.mode is 0550: the secrets could be run as a program/,
  ])
  t.equal((await warned(json('mode: "0777"'))).length, 2)
})

t.test('each reason to remove is named once', async (t) => {
  t.match(await refused(json('removeWhen: [gone, gone]')), [
    /removeWhen\[1\]: expected each of them once, got "gone"/,
  ])
})

t.test('a notification has one way to tell, and a file of a process with a signal alone', async (t) => {
  t.match(await refused(notify('{ timeout: 1s }')), [
    /files\[0\]\.notify\[0\]: expected one of http, signal and exec/,
  ])
  t.match(await refused(notify('{ exec: [/bin/x], http: { url: "http://127.0.0.1/" } }')), [
    /notify\[0\]\.exec: expected one of .*: files\[0\]\.notify\[0\]\.http says already/,
  ])
  t.match(await refused(notify('{ signal: SIGHUP }')), [
    /notify\[0\]\.pidFile: expected the path of the file with the id/,
  ])
  t.match(await refused(notify('{ exec: [/bin/x], pidFile: /p }')), [
    /notify\[0\]\.pidFile: expected nothing of that but/,
  ])
  t.match(
    await refused(notify('{ signal: SIGKILL }')),
    [/notify\[0\]\.signal/],
    'what is wrong by itself is told alone',
  )
})

t.test('headers that the connection decides are refused, and the same twice', async (t) => {
  const headers = (names: string): string =>
    notify(`{ http: { url: "http://[::1]:1/", headers: { ${names} } } }`)
  for (const name of [
    'Host',
    'connection',
    'Content-Length',
    'Transfer-Encoding',
    'Upgrade',
    'Expect',
    'Keep-Alive',
  ])
    t.match(await refused(headers(`${name}: CANARY`)), [`http.headers.${name}: expected another header`])
  t.match(await refused(headers('X-Key: CANARY, x-key: CANARY')), [
    /headers\.x-key: expected each header once/,
  ])
})

t.test('plain http to another host is told', async (t) => {
  t.match(await warned(notify('{ http: { url: "http://CANARY.test/CANARY", headers: { a: b } } }')), [
    /^files\[0\]\.notify\[0\]\.http\.url is plain http to another host: the names of secrets, and the headers, travel unencrypted\.$/,
  ])
  for (const url of ['http://localhost:1', 'http://127.0.0.1/x', 'http://[::1]/', 'https://a.test/'])
    t.strictSame(await warned(notify(`{ http: { url: "${url}" } }`)), [])
})

t.test('no message repeats a template, a URL, a header or an argument', async (t) => {
  const bad = [
    file('format: template, template: { CANARY: 1 }'),
    file('format: template, template: [CANARY]'),
    json('notify: CANARY'),
    json('notify: { http: CANARY }'),
    notify('CANARY'),
    notify('[CANARY]'),
    notify('{ http: "http://a.test/CANARY" }'),
    notify('{ http: { url: "ftp://a.test/CANARY" } }'),
    notify('{ http: { url: "http://CANARY:CANARY@a.test/" } }'),
    notify('{ http: { url: [CANARY] } }'),
    notify('{ http: { url: "http://a.test", headers: CANARY } }'),
    notify('{ http: { url: "http://a.test", headers: { signal: [CANARY], method: [CANARY], a: "" } } }'),
    notify('{ exec: "/bin/x --token=CANARY" }'),
    notify('{ exec: [CANARY] }'),
    notify('{ exec: [CANARY, "CANARY\\0"] }'),
    notify('{ exec: [/bin/x, { CANARY: 1 }, "CANARY\\0"] }'),
  ]
  for (const text of bad)
    t.notMatch((await refused(text)).join().replaceAll('the unknown key "CANARY"', ''), /CANARY/, text)
  t.match(await refused(notify('{ signal: SIGHUB, pidFile: /p }')), [/got "SIGHUB"; did you mean "SIGHUP"/])
  t.match(await refused(notify('{ http: { url: "https://a.test", method: PST } }')), [
    /got "PST"; did you mean "POST"/,
  ])
})

t.test('the effective configuration shows neither a template nor the path of a URL', async (t) => {
  const text = files(
    '{ path: /s/a, format: template, template: "CANARY {{ api-key }}" }',
    '{ path: /s/b, format: json, secrets: [path], notify: [{ http: { url: "https://a.test:1/CANARY?CANARY" } }, { http: { url: "${URL}" } }] }',
  )
  const { redacted } = await parse(text, { URL: 'https://CANARY.test/' })
  t.notMatch(JSON.stringify(redacted), /CANARY/)
  t.match(redacted, {
    files: [
      { template: '[redacted]', mode: '0440' },
      { notify: [{ http: { url: 'https://a.test:1/[redacted]' } }, { http: { url: '[redacted]' } }] },
    ],
  })
})
