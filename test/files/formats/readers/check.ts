/**
 * Writes hostile values in each format and has the readers of those formats read them: java.util.Properties, PyYAML,
 * Python's json, yaml of npm, dash, bash, python-dotenv and Node. `.ci/checks/70-file-formats` runs it.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, parseEnv } from 'node:util'
import { parse } from 'yaml'
import type { FileFormat } from '../../../../src/config/schema.ts'
import { renderContent } from '../../../../src/files/formats/render.ts'
import { SecretValue } from '../../../../src/secrets/secret.ts'
import { isMisreadByInterpolation, isMisreadByNode, isMisreadByPython } from './dotenv-readers.ts'
import { names, values } from './values.ts'

type Entries = ReadonlyMap<string, string>

const { python = '', scratch = '' } = parseArgs({
  options: { python: { type: 'string' }, scratch: { type: 'string' } },
}).values

let passed = 0
let failed = 0

function hold(isRight: boolean, what: string): void {
  if (isRight) passed += 1
  else {
    failed += 1
    console.log(`not ok: ${what}`)
  }
}

/** Each entry is read as it is, and nothing besides. */
function compare(reader: string, expected: Entries, read: Entries): void {
  hold(read.size === expected.size, `${reader} reads ${read.size} of ${expected.size} entries`)
  for (const [name, value] of expected) {
    const got = read.get(name)
    hold(
      got === value,
      `${reader} reads ${JSON.stringify(name)}: ${JSON.stringify(value)} as ${JSON.stringify(got)}`,
    )
  }
}

/** Exactly what is documented to be misread is misread. */
function compareOne(reader: string, value: string, got: unknown, isMisread: boolean): void {
  const said = isMisread ? 'is documented to be misread' : 'is documented to be read right'
  hold(
    (got === value) !== isMisread,
    `${reader}: ${JSON.stringify(value)} ${said}, and is read as ${JSON.stringify(got)}`,
  )
}

function render(format: FileFormat, entries: Entries): Buffer {
  const secrets = [...entries].map(([name, value]) => {
    const secret = new SecretValue(Buffer.from(value))
    return { name, isText: secret.isText, reveal: () => secret.reveal() }
  })
  const content = renderContent({ format, template: undefined, keys: undefined }, secrets)
  if (content.kind !== 'file') throw new Error('a folder')
  return content.bytes
}

const entriesOf = (read: object): Entries => new Map(Object.entries(read))

const all = new Map<string, string>([
  ...values.map((value, index): [string, string] => [`V${index}`, value]),
  ...names.map((name, index): [string, string] => [name, `value ${index}`]),
])
/** No environment holds a NUL. */
const variables = new Map([...all].filter(([name, value]) => /^V\d+$/.test(name) && !value.includes('\0')))
/** What is damaged by a value that is misread shows in these. */
const neighbours = new Map([
  ['AFTER_DOUBLE', "it's"],
  ['AFTER_SINGLE', 'a b'],
  ['ZERO', 'bare'],
])

const folder = join(scratch, 'files')
mkdirSync(folder)
for (const format of ['json', 'map', 'yaml', 'properties'] as const)
  writeFileSync(join(folder, format), render(format, all))
writeFileSync(join(folder, 'dotenv'), render('dotenv', variables))

const alone = (value: string): Buffer => render('dotenv', new Map([['A', value], ...neighbours]))
for (const [name, value] of variables) writeFileSync(join(folder, `${name}.env`), alone(value))

/** What python-dotenv reads right, all in one file: it leaves its neighbours alone. */
const fitForPython = new Map([...variables].filter(([, value]) => !isMisreadByPython(value)))
writeFileSync(join(folder, 'fit.env'), render('dotenv', fitForPython))

const output = (command: string, ...rest: string[]): string =>
  execFileSync(command, rest, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] })

function readByJava(): void {
  const ways = new Map<string, Map<string, string>>()
  const textOf = (hex = ''): string => Buffer.from(hex, 'hex').toString()
  const file = join(import.meta.dirname, 'ReadProperties.java')
  for (const line of output('java', file, join(folder, 'properties'))
    .split('\n')
    .filter((line) => line !== '')) {
    const [way = '', key, value] = line.split(' ')
    const entries = ways.get(way) ?? new Map<string, string>()
    ways.set(way, entries.set(textOf(key), textOf(value)))
  }
  const expected = new Map([...all].map(([name, value]) => [name.replaceAll('/', '.'), value]))
  for (const way of ['stream', 'ISO-8859-1', 'UTF-8'])
    compare(`java.util.Properties (${way})`, expected, ways.get(way) ?? new Map())
}

function readByShell(shell: string): void {
  const script = 'set -a; . "$1"; exec env -0'
  const said = output('env', '-i', 'PATH=/usr/bin:/bin', shell, '-c', script, shell, join(folder, 'dotenv'))
  const read = said
    .split('\0')
    .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  compare(shell, variables, new Map(read.filter(([name]) => /^V\d+$/.test(name))))
}

interface ReadByPython {
  readonly json: object
  readonly map: object
  readonly yaml: object
  readonly dotenv: Readonly<
    Record<string, Record<'plain' | 'interpolated', Readonly<Record<string, unknown>>>>
  >
}

function readByPython(): void {
  const read: ReadByPython = JSON.parse(output(python, join(import.meta.dirname, 'read.py'), folder))
  compare('json of Python', all, entriesOf(read.json))
  compare('map by json of Python', all, entriesOf(read.map))
  compare('PyYAML', all, entriesOf(read.yaml))
  compare('python-dotenv', fitForPython, entriesOf(read.dotenv.fit?.plain ?? {}))
  for (const [name, value] of variables) {
    const { plain, interpolated } = read.dotenv[name] ?? { plain: {}, interpolated: {} }
    compareOne('python-dotenv', value, plain.A, isMisreadByPython(value))
    compareOne('python-dotenv, interpolating', value, interpolated.A, isMisreadByInterpolation(value))
    const isDamaged = [...neighbours].some(([key, right]) => plain[key] !== right)
    hold(
      isDamaged === value.endsWith('\\'),
      `python-dotenv: what follows ${JSON.stringify(value)} is ${isDamaged ? '' : 'not '}damaged`,
    )
  }
}

const parseNode = (file: Buffer): Record<string, unknown> => ({ ...parseEnv(file.toString()) })

function readByNode(): void {
  compare('yaml of npm', all, entriesOf(parse(render('yaml', all).toString())))
  // All in one file: what is read right leaves its neighbours alone.
  const fit = new Map([...variables].filter(([, value]) => !isMisreadByNode(value)))
  compare('Node', fit, entriesOf(parseNode(render('dotenv', fit))))
  for (const value of variables.values())
    compareOne('Node', value, parseNode(alone(value)).A, isMisreadByNode(value))
}

/** A reader that ends with an error has read nothing of what there is. */
function have(reader: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    hold(false, `${reader} did not run to its end: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

have('Java', readByJava)
for (const shell of ['dash', 'bash']) have(shell, () => readByShell(shell))
have('Python', readByPython)
have('Node', readByNode)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
