import t from 'tap'
import { LiveValues } from '../../src/observability/redaction/live-values.ts'
import fc from '../support/property.ts'

const settings = { numRuns: 400 }

/** Bytes of any kind, and texts that people and generators make. */
const values = fc
  .oneof(
    fc.uint8Array({ minLength: 6, maxLength: 60 }),
    fc.string({ minLength: 6, maxLength: 60, unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.stringMatching(/^[0-9a-f]{6,40}$/).map((text) => Buffer.from(text)),
    fc.stringMatching(/^[0-9]{6,9}$/).map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 500, maxLength: 2_000 }),
  )
  .map((bytes) => Buffer.from(bytes))
  // Blanks at the edges are not part of what is looked for, and brackets and braces begin a document.
  .filter((bytes) => bytes.length >= 6 && !isBlank(bytes[0]) && !isBlank(bytes.at(-1)))
  .filter((bytes) => !'[redacted it] level info text'.includes(bytes.toString('latin1')))

const filler = fc.string({ maxLength: 40 })

/** A form of text, or undefined where the value has none: bytes that are no text stand in no line as they are. */
const textForms: ((value: Buffer) => string | undefined)[] = [
  (value) => textOf(value),
  (value) => mapped(textOf(value), (text) => JSON.stringify(text).slice(1, -1)),
  (value) => mapped(textOf(value), (text) => JSON.stringify(JSON.stringify(text))),
  (value) => mapped(textOf(value), (text) => encodeURIComponent(text)),
  (value) => mapped(textOf(value), (text) => new URLSearchParams({ text }).toString().slice(5)),
  (value) => percentEncoded(value),
  (value) => percentEncoded(value).toLowerCase(),
  (value) => value.toString('hex'),
  (value) => value.toString('hex').toUpperCase(),
  (value) => value.toString('base64'),
  (value) => value.toString('base64url'),
]

const embedded = fc.record({
  value: values,
  form: fc.nat(textForms.length - 1),
  before: filler,
  after: filler,
  others: fc.array(values, { maxLength: 20 }),
  linesBefore: fc.array(filler, { maxLength: 3 }),
})

t.test('a value in any form, at any place of any line, is replaced, and the line stays JSON', async () => {
  fc.assert(
    fc.property(embedded, ({ value, form, before, after, others, linesBefore }) => {
      const text = textForms[form]?.(value)
      fc.pre(text !== undefined)
      const live = new LiveValues()
      const holder = live.holder()
      for (const [index, other] of others.entries()) holder.hold(`other-${index}`, other)
      holder.hold('it', value)
      const lines = [...linesBefore, `${before}${text}${after}`].map((one) => JSON.stringify({ text: one }))
      const bytes = live.redact(Buffer.from(`${lines.join('\n')}\n`))
      // Nothing is left of it elsewhere in the line.
      if (live.redact(bytes) !== bytes) return false
      const redacted = bytes.toString('utf8')
      const texts = redacted
        .split('\n')
        .slice(0, -1)
        .map((one) => JSON.stringify(JSON.parse(one)))
      return texts.length === lines.length && /\[redacted/.test(texts.at(-1) ?? '')
    }),
    settings,
  )
})

t.test('behind any bytes a value in base64 is replaced', async () => {
  const around = fc.uint8Array({ maxLength: 10 })
  fc.assert(
    fc.property(values, around, around, filler, fc.boolean(), (value, before, after, text, isUrl) => {
      const live = new LiveValues()
      live.holder().hold('it', value)
      const encoded = Buffer.concat([before, value, after]).toString(isUrl ? 'base64url' : 'base64')
      return /\[redacted/.test(
        live.redact(Buffer.from(`${JSON.stringify({ text: `${text} ${encoded}` })}\n`)).toString(),
      )
    }),
    settings,
  )
})

t.test('lines without a value are the same bytes, whatever is held', async () => {
  const texts = fc.array(fc.oneof(filler, fc.webUrl(), fc.json(), fc.base64String()), {
    minLength: 1,
    maxLength: 10,
  })
  const long = fc.uint8Array({ minLength: 12, maxLength: 40 })
  fc.assert(
    fc.property(texts, fc.array(long, { maxLength: 50 }), (lines, held) => {
      const live = new LiveValues()
      const holder = live.holder()
      // No text of a line begins like this, in no form.
      for (const [index, value] of held.entries()) {
        holder.hold(
          `held-${index}`,
          Buffer.concat([Buffer.from([0xff, 0xfe]), value, Buffer.from([0xff, 0xfe])]),
        )
      }
      const bytes = Buffer.from(lines.map((text) => `${JSON.stringify({ text })}\n`).join(''))
      return live.redact(bytes) === bytes
    }),
    settings,
  )
})

t.test(
  'any sequence of holding and releasing ends with what is held being looked for, and nothing else',
  async () => {
    const steps = fc.array(
      fc.record({ label: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.nat(30), { nil: undefined }) }),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        let now = 0
        const live = new LiveValues(() => now)
        const holder = live.holder()
        const held = new Map<string, number[]>()
        for (const { label, value } of all) {
          const before = held.get(label) ?? []
          if (value === undefined) {
            holder.release(label)
            held.delete(label)
          } else {
            holder.hold(label, Buffer.from(textOfNumber(value)))
            if (before[0] !== value) held.set(label, [value, ...before.slice(0, 1)])
          }
        }
        now = 600_001
        const wanted = new Set([...held.values()].flat())
        return Array.from({ length: 31 }, (_, number) => number).every(
          (number) =>
            live.redactText(`${textOfNumber(number)} `).includes('[redacted') === wanted.has(number),
        )
      }),
      settings,
    )
  },
)

function textOfNumber(number: number): string {
  return `CANARY-number-${number}-`
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
}

function textOf(value: Buffer): string | undefined {
  const text = value.toString('utf8')
  return Buffer.from(text).equals(value) ? text : undefined
}

function mapped(text: string | undefined, map: (text: string) => string): string | undefined {
  return text === undefined ? undefined : map(text)
}

function percentEncoded(value: Buffer): string {
  return value.toString('hex').toUpperCase().replaceAll(/../g, '%$&')
}
