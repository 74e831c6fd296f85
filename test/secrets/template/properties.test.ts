import t from 'tap'
import { SecretValue } from '../../../src/secrets/secret.ts'
import { escapeTemplate, parseTemplate, TemplateError } from '../../../src/secrets/template/parse.ts'
import { type PartValue, renderTemplate } from '../../../src/secrets/template/render.ts'
import fc from '../../support/property.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom('{', '}', '"', '|', ' ', 'a', '\\'), maxLength: 12 }),
)
/** A name or an argument: anything but nothing. */
const word = text.filter((each) => each !== '' && each.isWellFormed())

const filters: Record<string, (value: string) => string> = {
  urlencode: (value) =>
    encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  base64: (value) => Buffer.from(value).toString('base64'),
  json: (value) => JSON.stringify(value).slice(1, -1),
}

interface Place {
  readonly name: string
  readonly value: string
  readonly uses: readonly string[]
  readonly isQuoted: boolean
  readonly space: string
}

const place: fc.Arbitrary<Place> = fc.record({
  name: word,
  value: text.filter((each) => each.isWellFormed()),
  uses: fc.array(fc.constantFrom(...Object.keys(filters)), { maxLength: 3 }),
  isQuoted: fc.boolean(),
  space: fc.constantFrom('', ' ', '\n\t'),
})

function written({ name, uses, isQuoted, space }: Place): string {
  const mayStandBare = /^[^ \t\r\n|"{}]+$/.test(name)
  const escaped = name.replace(/["\\]/g, '\\$&')
  const quoted = `"${escaped}"`
  const inner = [isQuoted || !mayStandBare ? quoted : name, ...uses].join(`${space}|${space}`)
  return `{{${space}${inner}${space}}}`
}

function render(template: string, values: ReadonlyMap<string, string>): string {
  const partOf = (name: string): PartValue => SecretValue.fromText(values.get(name) ?? '')
  const made = renderTemplate(parseTemplate(template), partOf, 2 ** 24)
  return made instanceof SecretValue ? made.reveal().toString() : made.message
}

t.test('what is written is what is rendered, whatever stands between the places', async (t) => {
  const pieces = fc.array(
    fc.oneof(
      text.filter((each) => each.isWellFormed()),
      place,
    ),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(pieces, (list) => {
      // One name has one value.
      const values = new Map(
        list.flatMap((each) => (typeof each === 'string' ? [] : [[each.name, each.value]])),
      )
      // Text beside text is one text: two braces may come together.
      const joined: (string | Place)[] = []
      for (const each of list) {
        const last = joined.at(-1)
        if (typeof each === 'string' && typeof last === 'string') joined[joined.length - 1] = last + each
        else joined.push(each)
      }
      const template = joined
        .map((each) => (typeof each === 'string' ? escapeTemplate(each) : written(each)))
        .join('')
      const expected = list.map((each) => {
        if (typeof each === 'string') return each
        const value = values.get(each.name) ?? ''
        return each.uses.reduce((made, use) => filters[use]?.(made) ?? '', value)
      })
      t.equal(render(template, values), expected.join(''))
    }),
    { numRuns: 500 },
  )
})

t.test('any text is a template or a mistake with a place in it', async (t) => {
  fc.assert(
    fc.property(text, (template) => {
      try {
        parseTemplate(template)
      } catch (error) {
        t.ok(error instanceof TemplateError && error.position >= 1 && error.position <= template.length + 1)
      }
    }),
    { numRuns: 1_000 },
  )
})

t.test('a text that is escaped renders to itself', async (t) => {
  fc.assert(
    fc.property(
      text.filter((each) => each.isWellFormed()),
      (plain) => t.equal(render(escapeTemplate(plain), new Map()), plain),
    ),
    { numRuns: 1_000 },
  )
})
