/** Who the callers are, over all listeners, and what they may know of. */
import t from 'tap'
import { parse, refused, smallest } from './helpers.ts'

const token = (name: string): string => `CANARY-${name}-0123456789abcdefghij`
const caller = (name: string, more = 'allow: [a]'): string =>
  `${name}: { tokens: [{ env: T_${name} }], ${more} }`
const api = (options: string): string => `${smallest}api: { ${options} }`

/** The warnings but those of tokens. */
async function warningsOf(allow: string, secrets = ''): Promise<readonly string[]> {
  const { warnings } = await parse(
    `${smallest}${secrets}api: { callers: { ${caller('web', `allow: [${allow}]`)} } }`,
    {
      T_web: token('web'),
    },
  )
  return warnings
}

t.test('a caller has the usual rights unless it is told others', async (t) => {
  const { config, warnings } = await parse(
    api(`callers: { ${caller('web')}, ${caller('job', 'allow: [a], rights: [refresh], limit: 60/m')} }`),
    {
      T_web: token('web'),
      T_job: token('job'),
    },
  )
  t.strictSame(warnings, [])
  t.match(config.api.callers, {
    web: { allow: ['a'], rights: ['read', 'list', 'watch'] },
    job: { rights: ['refresh'], limit: 1 },
  })
  t.equal(config.api.callers?.web?.limit, undefined)
  t.equal(await config.api.callers?.web?.tokens[0]?.read(), token('web'), 'from the environment of the load')
})

t.test('a name stands for one caller, over all listeners', async (t) => {
  const lines = await refused(
    api(
      `callers: { ${caller('web')} }, listeners: [{ listen: "unix:/a", callers: { ${caller('web')}, ${caller('x')} } }]`,
    ),
    { T_web: token('web'), T_x: token('x') },
  )
  t.match(lines, [
    /^:6:\d+ api\.listeners\[0\]\.callers\.web: expected another name: api\.callers\.web is a caller already, got "web"$/,
  ])
})

t.test('callers that are none are refused, since nobody could ask', async (t) => {
  t.match(await refused(api('callers: {}')), [
    ':6:17 api.callers: expected at least one caller, or no callers at all, got none',
  ])
  t.match(await refused(api('listeners: [{ listen: "unix:/a", callers: {} }]')), [
    /api\.listeners\[0\]\.callers: expected at least one caller/,
  ])
})

t.test('the names of callers are names', async (t) => {
  for (const name of ['""', '"a b"', 'a/b', '-a', `"${'a'.repeat(65)}"`]) {
    t.match(
      await refused(api(`callers: { ${name}: { tokens: [{ env: T }], allow: [a] } }`)),
      [/^:6:19 api\.callers.*: expected a name of 1 to 63 letters/],
      name,
    )
  }
})

t.test('there are a thousand callers at the most, wherever they are', async (t) => {
  const some = (prefix: string, count: number): string =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}: { tokens: [{ env: T }], allow: [a] }`).join(', ')
  const config = (main: number, further: number): string =>
    api(
      `callers: { ${some('a', main)} }, listeners: [{ listen: "unix:/a", callers: { ${some('b', further)} } }]`,
    )
  t.ok(await parse(config(999, 1)))
  t.match(await refused(config(999, 2)), [
    /api\.listeners\[0\]\.callers: expected 1000 callers at the most, over all listeners, got the 1001st$/,
  ])
  t.match(await refused(config(1001, 1)), [/^:6:\d+ api\.callers: expected 1000 callers at the most/])
})

t.test('each right is named once, and is one', async (t) => {
  t.match(await refused(api(`callers: { ${caller('web', 'allow: [a], rights: [read, list, read]')} }`)), [
    /^:6:\d+ api\.callers\.web\.rights\[2\]: expected each right once, got "read"$/,
  ])
  t.match(await refused(api('listeners: [{ listen: "unix:/a", allow: [a], rights: [list, list] }]')), [
    /api\.listeners\[0\]\.rights\[1\]: expected each right once/,
  ])
  t.match(await refused(api(`callers: { ${caller('web', 'allow: [a], rights: [raed]')} }`)), [
    /rights\[0\]: expected one of "read", "list", "refresh", "watch", "control", got "raed"; did you mean "read"\?/,
  ])
  t.match(await refused(api(`callers: { ${caller('web', 'allow: [a], rights: []')} }`)), [
    /rights: expected a list of at least one right/,
  ])
})

t.test('a name that no rule names is probably misspelt: one warning a list', async (t) => {
  t.strictSame(await warningsOf('a'), [])
  t.strictSame(await warningsOf('b, a, "x/*"'), [
    'api.callers.web.allow names what no rule of secrets names: "b", "x/*".',
  ])
  const many = Array.from({ length: 12 }, (_, i) => `n${i}`).join(', ')
  t.match(await warningsOf(many), [/"n9" and 2 more\.$/])
  const { warnings } = await parse(api('listen: "unix:/m", listeners: [{ listen: "unix:/a", allow: [b] }]'))
  t.match(warnings, [/^api\.listeners\[0\]\.allow names what no rule of secrets names: "b"/])
})

t.test('a pattern of secrets may have what an entry names', async (t) => {
  const rules = '  "web/*": { provider: p }\n  "*-key": { provider: p }\n  db: { provider: p }\n'
  const fit = [
    'web/a',
    '"web/*"',
    '"w*"',
    '"*"',
    '"web/a/*/b"',
    '"*b"',
    '"d*"',
    'x-key',
    '"x*"',
    '"*y"',
    '"a*b*-key"',
  ]
  for (const entry of fit) t.strictSame(await warningsOf(entry, rules), [], entry)
  for (const entry of ['web', 'dbx', '"xb*x"', '"*-kex"', 'web-a', '"db*"', '"*web/z"']) {
    const told = (await warningsOf(entry, '  "web/*y": { provider: p }\n  db: { provider: p }\n')).length
    t.equal(told, 1, entry)
  }
})

t.test('many lists of many names are compared in no time', async (t) => {
  const rules = Array.from({ length: 3_000 }, (_, i) => `  "r${i}/*": { provider: p }\n`).join('')
  const entries = Array.from({ length: 3_000 }, (_, i) => `"q${i}*"`).join(', ')
  const began = performance.now()
  await warningsOf(entries, rules)
  t.ok(performance.now() - began < 10_000)
})
