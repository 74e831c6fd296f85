import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const src = join(import.meta.dirname, '..', '..', 'src')

/** `log.warn(`, `this.#log.error(`, `log[level](`. */
const call = /\blog(?:\.(?:trace|debug|info|warn|error|fatal)|\[[^\]]+\])\(\s*/g

/** What is known to be more than one chose to log, or to hold what nobody should. */
const whole =
  /(?:^|[{,(]\s*)(?:\.\.\.)?(error|config|request|reply|response|headers|options|body|value|secret(?=\s*[,}]\s*$)|fetched|reading|env|token|caller)\s*(?=[,})]|$)/

interface Call {
  readonly place: string
  /** The first argument. */
  readonly argument: string
}

function callsIn(file: string): Call[] {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(call)].map((match) => {
    const begin = match.index + match[0].length
    const line = text.slice(0, match.index).split('\n').length
    return { place: `src/${file}:${line}`, argument: argumentAt(text, begin) }
  })
}

/** Up to the comma or the bracket that ends it. */
function argumentAt(text: string, begin: number): string {
  let depth = 0
  for (let at = begin; at < text.length; at += 1) {
    const char = text[at] ?? ''
    if ('([{'.includes(char)) depth += 1
    if (')]}'.includes(char)) depth -= 1
    if (depth < 0 || (depth === 0 && char === ',')) return text.slice(begin, at)
  }
  return text.slice(begin)
}

/** Names of what was put together to be logged, member by member, or is a text. */
const chosen = new Set(['fields', 'warning', 'opening'])

function isChosen(argument: string): boolean {
  if (/^['"`]/.test(argument)) return true
  if (!argument.startsWith('{')) return chosen.has(argument.trim())
  return !whole.test(argument)
}

const calls = globSync('**/*.ts', { cwd: src }).flatMap(callsIn)

t.test('each line of the log has a text, or members that were chosen one by one', (t) => {
  t.ok(calls.length > 30, 'the calls are found')
  t.strictSame(
    calls.filter(({ argument }) => !isChosen(argument)),
    [],
  )
  t.end()
})

t.test('whole errors, configurations and requests are recognised', (t) => {
  for (const argument of [
    'error',
    'request',
    '{ config }',
    '{ ...options }',
    '{ a, error }',
    '{ url, headers, b }',
  ]) {
    t.notOk(isChosen(argument), argument)
  }
  for (const argument of [
    "'a text'",
    '{ err: error }',
    '{ config: redacted, source }',
    '{ secret, version }',
  ]) {
    t.ok(isChosen(argument), argument)
  }
  t.end()
})
