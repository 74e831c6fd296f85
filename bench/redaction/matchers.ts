import { randomBytes } from 'node:crypto'
import { LiveValues, type Redactor } from '../../src/observability/redaction/live-values.ts'

export interface Built {
  readonly redactor: Redactor
  /** Throws where it does not find what it is there to find. */
  check(): void
}

/** As they are made by generators: 24 to 48 characters, in hex and in base64. */
export function valuesOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) =>
    randomBytes(18 + (at % 7)).toString(at % 2 === 0 ? 'base64' : 'hex'),
  )
}

export const matchers: Readonly<Record<string, (values: readonly string[]) => Promise<Built>>> = {
  async none() {
    return { redactor: { redact: (lines) => lines, redactText: (text) => text }, check() {} }
  },

  async ours(values) {
    const live = new LiveValues()
    const holder = live.holder()
    for (const [at, value] of values.entries()) holder.hold(`secret-${at}`, Buffer.from(value))
    // All of it now, and not bit by bit, for the clock that runs.
    if (live.stats.values !== values.length) throw new Error('a value is not looked for')
    return { redactor: live, check: () => checked(values, (text) => live.redactText(text) !== text) }
  },

  /** One automaton of all forms of all values, by which each line is looked at as the text that it is. */
  async library(values) {
    const { default: Automaton } = await import('modern-ahocorasick/fast')
    const automaton = new Automaton(values.flatMap(formsOf))
    const has = (text: string): boolean => automaton.match(text)
    return {
      redactor: {
        redact: (lines) => (has(lines.toString('utf8')) ? Buffer.from('[redacted]\n') : lines),
        redactText: (text) => text,
      },
      check: () => checked(values, has),
    }
  },
}

function checked(values: readonly string[], has: (text: string) => boolean): void {
  for (const value of values.slice(0, 100)) {
    const encoded = ['', ':', 'u:'].map((before) => Buffer.from(`${before}${value}..`))
    const embedded = [
      value,
      encodeURIComponent(value),
      Buffer.from(value).toString('hex'),
      ...encoded.flatMap((bytes) => [bytes.toString('base64'), bytes.toString('base64url')]),
    ]
    for (const text of embedded) {
      if (!has(`${JSON.stringify({ text })}\n`)) throw new Error('a value is not found')
    }
  }
}

/** As an automaton needs them: each text by which a value could be told. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const shifted = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return text.slice(Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6))
  })
  const url = encodeURIComponent(value)
  return [
    ...new Set([
      value,
      JSON.stringify(value).slice(1, -1),
      url,
      url.replaceAll(/%../g, (code) => code.toLowerCase()),
      ...shifted,
      ...shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
    ]),
  ]
}
