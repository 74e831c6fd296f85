import t from 'tap'
import { SecretValue } from '../../../src/secrets/secret.ts'
import { parseTemplate } from '../../../src/secrets/template/parse.ts'
import { type PartValue, renderTemplate } from '../../../src/secrets/template/render.ts'

const mebi = 2 ** 20

function rendered(text: string, values: Record<string, string | Buffer>, maxBytes = mebi): string {
  const partOf = (name: string): PartValue => new SecretValue(Buffer.from(values[name] ?? ''))
  const made = renderTemplate(parseTemplate(text), partOf, maxBytes)
  return made instanceof SecretValue ? made.reveal().toString() : `${made.reason}: ${made.message}`
}

t.test('a connection string is composed of its parts', async (t) => {
  const values = { 'db/user': 'app', 'db/password': 'CANARY-p@ss:/w%rd ä' }
  t.equal(
    rendered('postgres://{{ db/user }}:{{ db/password | urlencode }}@db/app', values),
    'postgres://app:CANARY-p%40ss%3A%2Fw%25rd%20%C3%A4@db/app',
  )
})

t.test('each filter does what its RFC says', async (t) => {
  t.equal(rendered('{{ a | urlencode }}', { a: "AZaz09-._~!*'()" }), 'AZaz09-._~%21%2A%27%28%29')
  for (const text of ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar', 'ä\n']) {
    t.equal(rendered('{{ a | base64 }}', { a: text }), Buffer.from(text).toString('base64'))
  }
  t.equal(
    rendered('{"x":"{{ a | json }}"}', { a: 'q"b\\n\n\t\u0001/ä' }),
    '{"x":"q\\"b\\\\n\\n\\t\\u0001/ä"}',
  )
  t.equal(rendered('[{{ a | trim }}]', { a: ' \t\r\n b c \v\f\n' }), '[b c]')
  t.equal(rendered('[{{ a | trim }}]', { a: ' \n ' }), '[]')
  t.equal(rendered('{{ a | field password }}', { a: '{"password":"CANARY-x"}' }), 'CANARY-x')
  t.equal(rendered('{{ a | field /db/1/n }}', { a: '{"db":[0,{"n":1.50}]}' }), '1.50')
  t.equal(rendered('{{ a | field p | urlencode | base64 }}', { a: '{"p":"ü"}' }), 'JUMzJUJD')
})

t.test(
  'a field that is not there, a value that is no text and a text that is too large are failures',
  async (t) => {
    t.equal(
      rendered('{{ a | field x }}', { a: '{"y":"CANARY-1"}' }),
      'malformed: the value of "a" is no JSON with a field "x"',
    )
    t.match(rendered('{{ a | field __proto__ }}', { a: '{}' }), /malformed/)
    t.match(rendered('{{ a | field x }}', { a: 'CANARY no json' }), /^malformed: the value of "a"/)
    const binary = Buffer.from([0xff, 0xfe, 0])
    t.equal(
      rendered('x{{ a }}', { a: binary }),
      'malformed: the value of "a" is no text: let base64 be its first filter',
    )
    t.match(rendered('{{ a | trim | base64 }}', { a: binary }), /no text/)
    t.equal(rendered('x{{ a | base64 }}', { a: binary }), `x${binary.toString('base64')}`)
    t.equal(rendered('{{ a }}{{ a }}', { a: 'CANARY-12' }, 18), 'CANARY-12CANARY-12')
    t.equal(
      rendered('{{ a }}{{ a }}', { a: 'CANARY-12' }, 17),
      'oversized: the text would have more than 17 bytes',
    )
    t.match(rendered('{{ a | json | json | json }}', { a: '\u0001'.repeat(100) }, 200), /oversized/)
  },
)

t.test('the values that it is given stay as they are, and the text is its own', async (t) => {
  const part = SecretValue.fromText(' CANARY-1 ')
  for (const text of ['{{ a }}', '{{ a | trim }}', '{{ a | json }}']) {
    const made = renderTemplate(parseTemplate(text), () => part, mebi)
    if (made instanceof SecretValue) made.wipe()
    t.equal(part.reveal().toString(), ' CANARY-1 ')
  }
})
