// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables are what is tested.

import t from 'tap'
import { ConfigError, type Loaded } from '../../src/config/load.ts'
import fc from '../support/property.ts'
import { parse, smallest } from './helpers.ts'

/** Loads, or throws the one error that loading may throw. */
async function loads(text: string, env: NodeJS.ProcessEnv = {}): Promise<Loaded | ConfigError> {
  try {
    return await parse(text, env)
  } catch (error) {
    if (error instanceof ConfigError && error.problems.length > 0) return error
    throw error
  }
}

/** Words that carry the text deeper into the schema than chance would. */
const word = fc.constantFrom(
  ...[
    'api',
    'ops',
    'providers',
    'secrets',
    'proxy',
    'listen',
    'type',
    'http',
    'file',
    'env',
    'url',
    'token',
    'limits',
    'callers',
    'tokens',
    'allow',
    'rights',
    'listeners',
    'tls',
    'audit',
  ],
  ...[
    'provider',
    'refresh',
    '5m',
    'key',
    '*',
    'a/b',
    '__proto__',
    'constructor',
    '127.0.0.1:1',
    'https://a.test/{key}',
  ],
)
const symbol = fc.constantFrom(
  ':',
  ': ',
  '\n',
  '\n  ',
  '\n    ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '&a ',
  '*a ',
  '!',
  '|',
  '? ',
  '${',
)

t.test('arbitrary text loads or is refused, and nothing else happens', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(word, symbol), { maxLength: 40 }).map((parts) => parts.join('')),
  )
  await fc.assert(
    fc.asyncProperty(text, async (written) => void (await loads(written))),
    { numRuns: 500 },
  )
})

t.test('arbitrary values in the place of options load or are refused, each with a place', async (t) => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      word,
      fc.jsonValue({ maxDepth: 2 }),
      tie('mapping'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    mapping: fc.dictionary(word, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  }))
  const property = fc.asyncProperty(fc.dictionary(word, value, { maxKeys: 6 }), async (config) => {
    const result = await loads(JSON.stringify(config))
    if (!(result instanceof ConfigError)) return
    for (const { line, column } of result.problems)
      if (!(line === 1 && column !== undefined && column >= 1)) t.fail('no place')
  })
  await fc.assert(property, { numRuns: 500 })
})

t.test('a damaged configuration loads or is refused', async () => {
  const damage = fc.tuple(
    fc.nat({ max: smallest.length }),
    fc.nat({ max: 3 }),
    fc.oneof(symbol, fc.string({ maxLength: 3 })),
  )
  const property = fc.asyncProperty(damage, async ([at, removed, added]) => {
    await loads(smallest.slice(0, at) + added + smallest.slice(at + removed))
  })
  await fc.assert(property, { numRuns: 500 })
})

t.test('whatever a variable holds, it stays one string and is not repeated', async (t) => {
  const property = fc.asyncProperty(fc.string(), async (junk) => {
    const result = await loads('log: { level: "${LEVEL}" }\nshutdown: { timeout: "${LEVEL}" }', {
      LEVEL: `CANARY-${junk}`,
    })
    if (!(result instanceof ConfigError) || result.message.includes('CANARY')) t.fail('repeated')
  })
  await fc.assert(property)
})
