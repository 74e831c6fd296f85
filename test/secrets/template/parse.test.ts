import t from 'tap'
import { escapeTemplate, parseTemplate, TemplateError } from '../../../src/secrets/template/parse.ts'
import { isPlaceholder } from '../../../src/secrets/template/template.ts'

/** A template in one line: text as it is, a placeholder as its parts in brackets. */
function shown(text: string): string {
  return parseTemplate(text)
    .pieces.map((piece) =>
      isPlaceholder(piece)
        ? `[${[piece.name, ...piece.filters.map(({ filter, argument }) => [filter, argument].filter(Boolean).join(' '))].join('|')}]`
        : piece.bytes.toString(),
    )
    .join('')
}

function fault(text: string): TemplateError {
  try {
    parseTemplate(text)
  } catch (error) {
    if (error instanceof TemplateError) return error
    throw error
  }
  throw new Error(`"${text}" is no mistake`)
}

t.test('a name in two braces is a place for a value', async (t) => {
  t.equal(
    shown('postgres://{{ db/user }}:{{db/password}}@db/app'),
    'postgres://[db/user]:[db/password]@db/app',
  )
  t.equal(shown('{{\n  a\t}}'), '[a]')
  t.strictSame(parseTemplate('{{a}}{{b}}{{a}}').names, ['a', 'b'])
  t.equal(shown('no place at all'), 'no place at all')
})

t.test('filters follow in the order in which they are applied', async (t) => {
  t.equal(shown('{{ a | trim | field password | urlencode }}'), '[a|trim|field password|urlencode]')
  t.equal(shown('{{a|field /db/pass|base64|json}}'), '[a|field /db/pass|base64|json]')
})

t.test('what has odd characters stands in quotes', async (t) => {
  t.equal(shown('{{ "my secret" }}'), '[my secret]')
  t.equal(shown('{{ "a|b}}{{" | field "say \\"hi\\" \\\\" }}'), '[a|b}}{{|field say "hi" \\]')
})

t.test('four braces are two, and single ones are text', async (t) => {
  t.equal(shown('{{{{ a }}'), '{{ a }}')
  t.equal(shown('{"a":{"b":"{{ x }}"}}'), '{"a":{"b":"[x]"}}')
  t.equal(shown('{{{ x }}}'), '{[x]}')
  t.equal(shown('{{{{{ x }}'), '{{{ x }}')
  t.equal(shown('{{{{{{ x }}'), '{{[x]')
  t.equal(shown('}} { }'), '}} { }')
  t.equal(escapeTemplate('a {{ b'), 'a {{{{ b')
})

t.test('a mistake is told with its place and what would be right', async (t) => {
  const cases: [text: string, position: number, expected: RegExp][] = [
    ['ab {{ c', 4, /"}}" after the "{{" here .* write four/],
    ['ab {{', 4, /"}}" after the "{{" here/],
    ['{{ }}', 4, /the name of a secret/],
    ['{{ a b }}', 6, /"\|" and a filter, or "}}"/],
    ['{{ a | }}', 8, /the name of a filter/],
    ['{{ a | upper }}', 8, /a filter: one of field, urlencode, base64, json, trim/],
    ['{{ a | field }}', 14, /the name of a member, or a JSON Pointer/],
    ['{{ a | trim x }}', 13, /trim takes no argument/],
    ['{{ "a }}', 4, /a quote that ends what begins here/],
    ['{{ "" }}', 4, /the name of a secret/],
    ['{{ "a\\n" }}', 6, /"\\" only before/],
    ['{{ a } }}', 6, /"\|" and a filter, or "}}"/],
    ['{{ | trim }}', 4, /the name of a secret/],
  ]
  for (const [text, position, expected] of cases) {
    t.equal(fault(text).position, position, text)
    t.match(fault(text).expected, expected, text)
  }
  t.match(fault('{{ a | urlencod }}'), {
    got: 'urlencod',
    choices: ['field', 'urlencode', 'base64', 'json', 'trim'],
  })
})
