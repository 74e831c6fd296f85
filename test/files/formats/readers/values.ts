// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what looks like a reference to a variable is a value here.
/** Values and names that readers are known to stumble over, and any others; the same at every run. */
import fc from '../../../support/property.ts'

const seed = 20_240_229

const hostile = fc.string({
  unit: fc.constantFrom(...'\'"\\$`#!=: \t\r\n\f{}()&|;<>*?~%,-\0é\u0085\u2028\ufeff\u007f😀'),
  maxLength: 12,
})
/** What the readers of dotenv differ in. */
const quoting = fc.string({ unit: fc.constantFrom(...'\'"\\$`n{A} '), maxLength: 6 })
/** What dotenv writes without quotes. */
const bare = fc.string({ unit: fc.constantFrom(...'aZ9_./:@%+,=-'), maxLength: 8 })
const any = fc.string({ unit: 'binary', maxLength: 30 })

const known = [
  ...[
    '',
    ' ',
    ' a ',
    'a b',
    "it's",
    '"',
    "'",
    '\\',
    'a\\',
    "it's\\",
    'a\\\\b',
    'a\\nb',
    "it's\\n",
    '$HOME',
    '${HOME}',
  ],
  ...[
    "it's $HOME",
    "it's ${HOME}",
    "it's `id`",
    `it's "x"`,
    '`id`',
    '$(id)',
    'a\r\nb',
    'a\rb',
    'a\nb',
    '\n',
    '#',
    'a #b',
  ],
  ...[
    'a=b',
    '=',
    '!a',
    ':a',
    'no',
    'null',
    '~',
    '1e3',
    '0x1f',
    '2001-01-01',
    '- a',
    '{{ a }}',
    '*',
    '&a',
    'export A=1',
  ],
  ...[
    'Zz09_./:@%+,=-',
    '==',
    '-----BEGIN KEY-----\nCANARY+/=\n-----END KEY-----\n',
    'é',
    '😀',
    '\ufeffa',
    '\u2028',
  ],
]

export const values: readonly string[] = [
  ...new Set([...known, ...fc.sample(fc.oneof(hostile, quoting, bare, any), { seed, numRuns: 400 })]),
].map((value) => Buffer.from(value).toString())

/** Names that mean something else to a reader that takes them for more than a text. */
export const names: readonly string[] = [
  ...[
    'no',
    'null',
    '~',
    '1e3',
    'true',
    '<<',
    '=',
    '2001-01-01',
    ' a',
    'a b',
    'a:b',
    'a=b',
    '#a',
    '!a',
    '- a',
    '? a',
  ],
  ...[
    'db/password',
    'é',
    '😀',
    '"',
    "it's",
    '{a}',
    '[a]',
    '&a',
    '%a',
    '@a',
    '`a`',
    '\u2028',
    '\ufeff',
    '__proto__',
  ],
]
