import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FileProviderConfig } from '../../../src/config/schema.ts'
import { parseDotenv } from '../../../src/providers/file/dotenv.ts'
import type { Fetched, ProviderError } from '../../../src/secrets/provider.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { fileProvider } from './support.ts'

type Entries = Map<string, Fetched | ProviderError>

/** Everything that the provider finds in a file of this name and content. */
async function read(
  t: Test,
  name: string,
  content: string | Buffer,
  more: Partial<FileProviderConfig> = {},
): Promise<Entries> {
  const path = join(t.testdir({}), name)
  writeFileSync(path, content)
  return (await (await fileProvider(t, path, more)).fetchAll?.(signal())) ?? new Map()
}

async function malformed(t: Test, reading: Promise<Entries>, words: RegExp): Promise<void> {
  const error = await failureOf(reading)
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
  t.match(error.message, words)
  leaksNothing(t, error)
}

t.test('the format follows from the name, or is configured', async (t) => {
  for (const [name, content, format] of [
    ['s.json', '{"key":"CANARY-1"}', 'auto'],
    ['s.JSON', '{"key":"CANARY-1"}', 'auto'],
    ['s.yaml', 'key: CANARY-1', 'auto'],
    ['s.yml', 'key: CANARY-1', 'auto'],
    ['s.env', 'key=CANARY-1', 'auto'],
    ['.env', 'key=CANARY-1', 'auto'],
    ['.env.local', 'key=CANARY-1', 'auto'],
    ['secrets', 'key=CANARY-1', 'dotenv'],
  ] as const) {
    t.equal(text((await read(t, name, content, { format })).get('key')), 'CANARY-1', name)
  }
  await malformed(t, read(t, 'secrets', 'key=CANARY-1'), /Set format/)
})

t.test('a format that does not fit the path is told', async (t) => {
  const path = t.testdir({ 's.json': '{}' })
  const asFile = await fileProvider(t, path, { format: 'json' })
  t.match((await failureOf(asFile.fetch(['key'], signal()))).message, /it is a directory/)
  const asDirectory = await fileProvider(t, join(path, 's.json'), { format: 'directory' })
  t.match(await failureOf(asDirectory.fetch(['key'], signal())), { kind: 'unavailable', reason: 'io' })
})

t.test('JSON: what is no string is JSON-encoded, and any name will do', async (t) => {
  const all = await read(
    t,
    's.json',
    '{"key":{"user":"CANARY-u","n":1.50},"__proto__":"CANARY-p","n":12345678901234567890}',
  )
  t.equal(text(all.get('key')), '{"user":"CANARY-u","n":1.50}')
  t.equal(text(all.get('__proto__')), 'CANARY-p')
  t.equal(text(all.get('n')), '12345678901234567890')
})

t.test('JSON that is no object is malformed', async (t) => {
  await malformed(t, read(t, 's.json', '["CANARY-1"]'), /no JSON object/)
  await malformed(t, read(t, 's.json', 'CANARY-1'), /not valid JSON/)
  await malformed(t, read(t, 's.json', Buffer.from([0x22, 0xff, 0x22])), /not valid UTF-8/)
})

t.test('YAML: what is no string is JSON-encoded, numbers as they are written', async (t) => {
  const all = await read(
    t,
    's.yaml',
    [
      'port: 5432',
      'price: 1.50',
      'on: yes',
      'flag: true',
      'db: { user: CANARY-u, ports: [1, 2] }',
      'block: |',
      '  CANARY-line-1',
      '  CANARY-line-2',
      'base: &base CANARY-shared',
      'same: *base',
      '123: CANARY-number',
      '__proto__: CANARY-p',
      'empty:',
    ].join('\n'),
  )
  t.same(
    Object.fromEntries([...all].map(([name, entry]) => [name === '__proto__' ? 'proto' : name, text(entry)])),
    {
      port: '5432',
      price: '1.50',
      on: 'yes',
      flag: 'true',
      db: '{"user":"CANARY-u","ports":[1,2]}',
      block: 'CANARY-line-1\nCANARY-line-2\n',
      base: 'CANARY-shared',
      same: 'CANARY-shared',
      123: 'CANARY-number',
      proto: 'CANARY-p',
      empty: 'null',
    },
  )
})

t.test('YAML: a number that would come out changed is an error that asks for quotes', async (t) => {
  const all = await read(t, 's.yaml', 'pin: 0123\nhex: 0x1f\nnan: .nan\nkey: CANARY-1\n')
  for (const name of ['pin', 'hex', 'nan'])
    t.match(all.get(name), { kind: 'unavailable', reason: 'malformed' })
  t.equal(text(all.get('key')), 'CANARY-1')
})

t.test('YAML that cannot be trusted is malformed, with the line and not the text', async (t) => {
  await malformed(t, read(t, 's.yaml', 'a: 1\nb: "CANARY-1'), /line 2/)
  await malformed(t, read(t, 's.yaml', 'a: CANARY-1\na: CANARY-2'), /line 2 \(DUPLICATE_KEY\)/)
  await malformed(t, read(t, 's.yaml', '- CANARY-1'), /no YAML mapping/)
  await malformed(t, read(t, 's.yaml', ''), /no YAML mapping/)
  await malformed(t, read(t, 's.yaml', '? [CANARY-1]\n: x'), /a name that is no plain text/)
  await malformed(t, read(t, 's.yaml', 'a: 1\n---\nb: CANARY-2'), /MULTIPLE_DOCS/)
  await malformed(t, read(t, 's.yaml', `a: ${'['.repeat(100_000)}`), /RESOURCE_EXHAUSTION/)
})

t.test('YAML whose aliases multiply is refused', async (t) => {
  const levels = ['a: &a [CANARY-1, CANARY-2]']
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'].map((pair) => [...pair])) {
    levels.push(`${to}: &${to} [*${from}, *${from}, *${from}, *${from}, *${from}, *${from}, *${from}]`)
  }
  const all = await read(t, 's.yaml', levels.join('\n'))
  t.match(all.get('f'), { kind: 'unavailable', reason: 'malformed' })
  leaksNothing(t, all)
})

t.test('dotenv: comments, export, quotes, escapes and values over several lines', async (t) => {
  const parsed = parseDotenv(
    [
      '# CANARY-comment',
      '',
      'PLAIN=CANARY-1',
      '  export SPACED = CANARY-2  # comment',
      'HASH=CANARY#3',
      'EMPTY=',
      'COMMENTED= # nothing',
      'SINGLE=\'CANARY-4 \\n $HOME "x" #\' # comment',
      'DOUBLE="CANARY-5\\n\\t\\"q\\" \\\\ \\$HOME \\x"',
      'MULTI="CANARY-6',
      'second line"',
      'EQUALS=a=b=c==',
      'DOLLAR=$HOME',
      'LAST=CANARY-7\r',
    ].join('\n'),
  )
  t.same(Object.fromEntries(parsed), {
    PLAIN: 'CANARY-1',
    SPACED: 'CANARY-2',
    HASH: 'CANARY#3',
    EMPTY: '',
    COMMENTED: '',
    SINGLE: 'CANARY-4 \\n $HOME "x" #',
    DOUBLE: 'CANARY-5\n\t"q" \\ $HOME \\x',
    MULTI: 'CANARY-6\nsecond line',
    EQUALS: 'a=b=c==',
    DOLLAR: '$HOME',
    LAST: 'CANARY-7',
  })
})

t.test('dotenv that cannot be trusted is malformed, with the line and not the text', async (t) => {
  await malformed(t, read(t, '.env', 'A=1\nCANARY-no-assignment'), /line 2 is not NAME=value/)
  await malformed(t, read(t, '.env', 'A=1\n\nB="CANARY-open\n'), /opens in line 3 is not closed/)
  await malformed(t, read(t, '.env', 'A="CANARY-1" CANARY-2'), /text after the quotes of line 1/)
  await malformed(t, read(t, '.env', 'A="x\ny"\nA=CANARY-2'), /line 3 gives a name a second time/)
})

t.test('a document with more secrets than maxSecrets is oversized', async (t) => {
  const error = await failureOf(read(t, '.env', 'A=CANARY-1\nB=CANARY-2\n', { maxSecrets: 1 }))
  t.match(error, { kind: 'unavailable', reason: 'oversized' })
})
