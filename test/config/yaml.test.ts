import t from 'tap'
import { parse, refusal, refused, smallest } from './helpers.ts'

t.test('an empty file is an error with a remedy', async (t) => {
  for (const text of ['', '\n\n', '# nothing yet\n', '---\n', 'null\n']) {
    const lines = await refused(text)
    t.match(
      lines,
      [/^:1:1: expected a configuration with providers and secrets .*, got an empty file$/],
      JSON.stringify(text),
    )
  }
})

t.test('a file that is no mapping is an error', async (t) => {
  for (const text of ['- a', 'text', '3']) {
    t.match(await refused(text), [/^:1:1: expected a mapping with the keys api/], text)
  }
})

t.test('a syntax error is told at its place, and once, whatever it makes of the rest', async (t) => {
  t.match(await refused('api:\n  listen: "127.0.0.1\n'), [/^:3:1: expected valid YAML: /])
  t.match(await refused('a: [1, 2\nb: 3'), [/^:2:1: expected valid YAML: a line that is indented/])
  t.match(await refused('\tapi: 1'), [/^:1:1: expected valid YAML: spaces instead of tabs/])
  t.equal((await refused('a: { b: c}} d e f g')).length, 1)
})

t.test('a key that stands twice is told with the line of the first', async (t) => {
  t.match(await refused(`${smallest}log: {}\nlog: {}\n`), [
    ':7:1 log: expected this key only once: it is in line 6 already',
  ])
  t.match(await refused(`${smallest}log:\n  level: info\n  "level": info\n`), [
    /^:8:3 log\.level: expected this key only once/,
  ])
})

t.test('a second document is an error', async (t) => {
  t.match(await refused(`${smallest}---\nlog: {}\n`), [
    /^:6:1: expected valid YAML: one document in the file/,
  ])
})

t.test('tags are errors, known ones of other YAML versions too', async (t) => {
  for (const tag of ['!env', '!!binary', '!!js/function', '!!timestamp', '!<tag:example.com,2026:x>']) {
    t.match(await refused(`log: { level: ${tag} info }`), [/expected valid YAML: no tag/], tag)
  }
})

t.test('another version of YAML is an error, since it reads values differently', async (t) => {
  t.match(await refused(`%YAML 1.1\n---\n${smallest}`), [/^:1:1: expected YAML 1\.2/])
  t.ok(await parse(`%YAML 1.2\n---\n${smallest}`))
})

t.test('an alias stands for what its anchor names', async (t) => {
  const { config } = await parse(`
providers: { p: { type: env, prefix: APP_ } }
secrets:
  a: &rule { provider: p, refresh: 1m }
  b: *rule
`)
  t.equal(config.secrets.b?.refresh, 60_000)
})

t.test('a problem behind an alias has a place', async (t) => {
  const lines = await refused('secrets:\n  a: &rule { provder: p }\n  b: *rule\n')
  t.match(lines.join('\n'), /^:2:14 secrets\.b\.provder: expected one of/m)
})

t.test('a few lines of aliases cannot become a huge tree', async (t) => {
  const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(10)}]`)
  const error = await refusal(`l0: &l0 x\n${levels.join('\n')}\n`)
  t.match(error.message, 'expected fewer than 200000 values, aliases counted')
})

t.test('an alias to what it stands in does not nest for ever', async (t) => {
  t.match((await refused('api: &a { listen: *a }')).join('\n'), /nested at most 64 levels deep/)
  t.match((await refused('api: &a [*a, *a]')).join('\n'), /nested at most 64 levels deep/)
})

t.test('brackets without end are an error', async (t) => {
  for (const open of ['[', '{', '- ', '{a: ', '? ', '"'])
    t.ok((await refused(open.repeat(50_000))).length > 0, open)
})

t.test('names that objects inherit are plain names', async (t) => {
  const { config } = await parse(`
providers: { constructor: { type: env, prefix: APP_ } }
secrets: { toString: { provider: constructor }, hasOwnProperty: { provider: constructor } }
`)
  t.strictSame(Object.keys(config.secrets), ['toString', 'hasOwnProperty'])
  t.match(await refused('secrets: { a: { provider: constructor } }'), [
    /expected the name of a provider, and providers has none/,
  ])
  t.match(await refused('constructor: {}\nprototype: {}'), [
    /the unknown key "constructor"/,
    /the unknown key "prototype"/,
  ])
})

t.test('__proto__ is refused as a key, and changes no object', async (t) => {
  t.match(await refused('__proto__: { polluted: true }'), [/^:1:1: expected another key than __proto__/])
  t.match(await refused(`${smallest}  __proto__: { provider: p }`), [
    /^:6:3 secrets: expected another key than __proto__/,
  ])
  t.equal(Reflect.get({}, 'polluted'), undefined)
})

t.test('a key that looks like a number or a truth value is the name that was written', async (t) => {
  const { config } = await parse(`
providers: { p: { type: env, prefix: APP_ } }
secrets: { 0123: { provider: p }, true: { provider: p }, 1e3: { provider: p }, "null": { provider: p } }
`)
  t.same(new Set(Object.keys(config.secrets)), new Set(['0123', 'true', '1e3', 'null']))
})

t.test('a key that is no name is an error', async (t) => {
  for (const key of ['? [a]', '? { a: b }', '? ', 'null', '~']) {
    t.match(
      (await refused(`secrets:\n  ${key}\n  : { provider: p }`.replace('\n  : {', ': {'))).join(),
      /./,
      key,
    )
  }
  t.match((await refused('? [a]\n: b')).join(), /expected a plain name as key/)
  t.match((await refused('~: b')).join(), /expected a plain name as key/)
})

t.test('a merge key is no feature here but an unknown option', async (t) => {
  t.match(await refused('log: { <<: { level: info } }'), [/the unknown key "<<"/])
})

t.test('numbers that are none are refused', async (t) => {
  for (const number of ['.nan', '.inf', '1e999', '-1', '0', '1.5', '9007199254740993', '0x10000000000']) {
    t.match(
      await refused(`cache: { maxEntries: ${number} }`),
      [/cache\.maxEntries: expected a whole number/],
      number,
    )
  }
})
