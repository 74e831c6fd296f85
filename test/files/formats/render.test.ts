import { execFileSync } from 'node:child_process'
import { parseEnv } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import type { FileConfig, FileFormat } from '../../../src/config/schema.ts'
import { type FileSecret, FormatError } from '../../../src/files/content.ts'
import { renderContent } from '../../../src/files/formats/render.ts'
import { SecretValue } from '../../../src/secrets/secret.ts'
import fc from '../../support/property.ts'

type Spec = Pick<FileConfig, 'format' | 'template' | 'keys'>

const secret = (name: string, value: string | Buffer): FileSecret => {
  const made = new SecretValue(Buffer.from(value))
  return { name, isText: made.isText, reveal: () => made.reveal() }
}
const secretsOf = (values: Record<string, string | Buffer>): FileSecret[] =>
  Object.entries(values).map(([name, value]) => secret(name, value))

function bytesOf(spec: Spec, values: Record<string, string | Buffer>): Buffer {
  const content = renderContent(spec, secretsOf(values))
  if (content.kind !== 'file') throw new Error('a folder')
  return content.bytes
}
const textOf = (format: FileFormat, values: Record<string, string | Buffer>, keys?: Spec['keys']): string =>
  bytesOf({ format, template: undefined, keys }, values).toString()

function refusal(
  spec: Partial<Spec> & { format: FileFormat },
  values: Record<string, string | Buffer>,
): FormatError {
  try {
    renderContent({ template: undefined, keys: undefined, ...spec }, secretsOf(values))
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
  throw new Error('It was rendered.')
}

/** Any text that has UTF-8, with more of what means something to a reader. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom(...'\'"\\$`#!=: \t\r\n\f\0{}é\u0085\u2028\ufeff\u007f'), maxLength: 12 }),
)

t.test('json, map and yaml read back exactly, and do not depend on the order given', async () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const values = { 'db/a': a, b }
      const list = JSON.parse(textOf('json', values))
      t.strictSame(list, [
        { name: 'b', value: b },
        { name: 'db/a', value: a },
      ])
      t.strictSame(JSON.parse(textOf('map', values)), values)
      const yaml = textOf('yaml', values)
      for (const version of ['1.1', '1.2'] as const) t.strictSame(parse(yaml, { version }), values)
      t.equal(textOf('yaml', { b, 'db/a': a }), yaml)
    }),
    { numRuns: 100 },
  )
})

t.test('a name that yaml would take for something else stays a name', async (t) => {
  const values = { no: '1e3', '<<': 'null', '1': '~' }
  t.strictSame(parse(textOf('yaml', values), { version: '1.1', merge: true }), values)
  t.equal(textOf('yaml', {}), '{}\n')
})

/** `Properties.load(Reader)` of what is one line a property, without continued lines. */
function readProperties(written: string): Record<string, string> {
  const plainOf = (escaped: string): string =>
    escaped.replace(/\\(?:u([0-9A-F]{4})|(.))/g, (_, unit?: string, letter?: string) =>
      unit === undefined
        ? ({ t: '\t', n: '\n', r: '\r', f: '\f' }[letter ?? ''] ?? letter ?? '')
        : String.fromCharCode(Number.parseInt(unit, 16)),
    )
  return Object.fromEntries(
    written
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [, key = '', value = ''] = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/.exec(line) ?? []
        return [plainOf(key), plainOf(value)]
      }),
  )
}

t.test('properties read back exactly, are ASCII, and a slash becomes a dot', async (t) => {
  fc.assert(
    fc.property(text, text, (value, odd) => {
      const written = textOf('properties', { 'db/a': value, b: 'x' }, { b: `k${odd}` })
      t.match(written, /^[\x20-\x7e\n]*$/)
      t.strictSame(readProperties(written), { 'db.a': value, [`k${odd}`]: 'x' })
    }),
    { numRuns: 100 },
  )
  t.equal(textOf('properties', { 'a b': ' x 😀' }), 'a\\ b=\\ x \\uD83D\\uDE00\n')
  t.match(refusal({ format: 'properties' }, { 'a/b': '', 'a.b': '' }).message, /"a.b" and "a\/b" would both/)
})

t.test('a shell reads any dotenv value exactly; Node does where the doc comment says so', async (t) => {
  const samples = fc.sample(text, 200).map((value) => value.replaceAll('\0', ''))
  const values = Object.fromEntries(samples.map((value, index) => [`v${index}`, value]))
  const file = bytesOf({ format: 'dotenv', template: undefined, keys: undefined }, values)
  const script = `set -a; eval "$FILE"; ${samples.map((_, index) => `printf '%s\\0' "$V${index}"`).join('; ')}`
  const read = execFileSync('sh', ['-c', script], { env: { FILE: file.toString() } })
    .toString()
    .split('\0')
  t.strictSame(read.slice(0, -1), samples)
  // One that Node misreads can take entries beside it along.
  const fit = samples.filter((value) => !/\r/.test(value) && !(/'/.test(value) && /["$`\\]/.test(value)))
  const written = textOf('dotenv', Object.fromEntries(fit.map((value, index) => [`v${index}`, value])))
  t.strictSame({ ...parseEnv(written) }, Object.fromEntries(fit.map((value, index) => [`V${index}`, value])))
})

t.test('a value stands in quotes only where some reader might take it for something else', async (t) => {
  t.equal(
    textOf('dotenv', { a: 'Az09_./:@%+,=-', b: 'a b', c: '~', d: "it's $" }),
    `A=Az09_./:@%+,=-\nB='a b'\nC='~'\nD="it's \\$"\n`,
  )
})

t.test('names of variables: made of names, by keys, or refused', async (t) => {
  t.equal(
    textOf('dotenv', { 'db/pass-word': 'x', '2fa': '', é: "it's" }),
    `_2FA=''\nDB_PASS_WORD=x\n_="it's"\n`,
  )
  t.equal(textOf('dotenv', { 'db/password': 'x' }, { 'db/password': 'pg' }), 'pg=x\n')
  t.match(
    refusal({ format: 'dotenv' }, { 'a/b': '', 'a-b': '' }).message,
    /"a-b" and "a\/b" would both be.*"A_B"/,
  )
  t.match(refusal({ format: 'dotenv', keys: { a: 'x y' } }, { a: '' }).message, /"x y", which is no name/)
  t.match(refusal({ format: 'dotenv' }, { a: 'CANARY\0' }).message, /has a NUL/)
})

t.test('what is no text is refused by name, but for raw, directory and base64', async (t) => {
  const bytes = Buffer.from([0xff, 0, 0xfe])
  for (const format of ['json', 'map', 'dotenv', 'properties', 'yaml'] as const) {
    const error = refusal({ format }, { 'a/b': bytes })
    t.match(error, { secret: 'a/b', message: /"a\/b" is no UTF-8 text, which \w+ cannot hold: use raw/ })
  }
  t.strictSame(bytesOf({ format: 'raw', template: undefined, keys: undefined }, { a: bytes }), bytes)
  t.equal(
    bytesOf({ format: 'template', template: '{{ a | base64 }}', keys: undefined }, { a: bytes }).toString(),
    '/wD+',
  )
  const spec = { format: 'template', template: '{{ a }}' } as const
  t.match(refusal(spec, { a: bytes }), { secret: 'a', message: /base64/ })
  t.match(refusal(spec, { b: '' }), { secret: 'a', message: /names "a", which is not held/ })
  t.match(refusal({ format: 'raw' }, { a: '', b: '' }).message, /exactly one secret, not for 2/)
})

t.test('a folder has a file a secret, in buffers of its own', async (t) => {
  const value = new SecretValue(Buffer.from([0xff, 1]))
  const given = { name: 'db/a', isText: false, reveal: () => value.reveal() }
  const content = renderContent({ format: 'directory', template: undefined, keys: undefined }, [given])
  if (content.kind !== 'folder') throw new Error('a file')
  const made = content.files.get('db/a')
  t.strictSame(made, value.reveal())
  made?.fill(0)
  t.strictSame(value.reveal(), Buffer.from([0xff, 1]), 'the secret keeps its own')
})

t.test('a path that is none, or is a file and a folder at once, is refused', async (t) => {
  const fault = (path: string) => refusal({ format: 'directory', keys: { a: path } }, { a: '' }).message
  t.match(fault('/x'), /is absolute/)
  t.match(fault('..data'), /begins with/)
  t.match(fault('x//y'), /empty segment/)
  t.match(fault('x/'), /empty segment/)
  t.match(fault('x/../y'), /segment "\." or "\.\."/)
  t.match(fault('x'.repeat(256)), /more than 255 bytes/)
  t.match(fault('x\0'), /NUL/)
  t.match(
    refusal({ format: 'directory' }, { db: '', 'db/password': '' }).message,
    /"db" would be.*"db\/password"/,
  )
  t.match(refusal({ format: 'directory', keys: { a: 'b' } }, { a: '', b: '' }).message, /"a" and "b"/)
})

t.test('a file that would be too large is refused', async (t) => {
  const large = Buffer.alloc(33 * 1024 * 1024, 0x61)
  for (const format of ['map', 'directory'] as const)
    t.match(refusal({ format }, { a: large, b: large }).message, /more than 67108864 bytes/)
})
