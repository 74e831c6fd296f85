import t from 'tap'
import type { Config } from '../../src/config/schema.ts'
import { type Changes, changesBetween, movesListeners, needingRestart } from '../../src/reload/changes.ts'
import { summaryOf } from '../../src/reload/summary.ts'
import { parse } from '../config/helpers.ts'

const base = `
providers:
  p: { type: env, prefix: APP_ }
  q: { type: http, url: "https://q.test/{key}", token: CANARY-token-1 }
secrets:
  a: { provider: p }
  b: { provider: q, refresh: 1m }
  "x-*": { provider: q }
  "*-x": { provider: q }
`

async function configOf(text: string): Promise<Config> {
  return (await parse(text)).config
}

/** What changes when `base` is edited: each pair is a text and what stands in its place. */
async function changesOf(...edits: [string, string][]): Promise<Changes | undefined> {
  const edited = edits.reduce((text, [from, to]) => text.replace(from, to), base)
  return changesBetween(await configOf(base), await configOf(edited))
}

const none = { added: [], removed: [], changed: [] }

t.test('what says the same changes nothing, however it is written', async (t) => {
  t.equal(await changesOf(), undefined)
  t.equal(await changesOf(['refresh: 1m', 'refresh: 60s']), undefined)
  t.equal(await changesOf(['{ provider: p }', '{ provider: p, key: a, refresh: 5m }']), undefined)
  t.equal(
    await changesOf(
      ['  a: { provider: p }\n', ''],
      ['refresh: 1m }\n', 'refresh: 1m }\n  a: { provider: p }\n'],
    ),
    undefined,
    'the order of secrets says nothing',
  )
})

t.test('secrets are added, removed and changed by name', async (t) => {
  const changes = await changesOf(
    ['  a: { provider: p }', '  c: { provider: p }'],
    ['refresh: 1m', 'refresh: 2m'],
  )
  t.strictSame(changes, {
    secrets: { added: ['c'], removed: ['a'], changed: ['b'] },
    providers: none,
    options: [],
  })
})

t.test(
  'two patterns in another order are changed: the first of two equally specific ones wins',
  async (t) => {
    const changes = await changesOf(
      ['  "x-*": { provider: q }\n', ''],
      ['"*-x": { provider: q }\n', '"*-x": { provider: q }\n  "x-*": { provider: q }\n'],
    )
    t.strictSame(changes?.secrets, { ...none, changed: ['*-x', 'x-*'] })
  },
)

t.test('a provider is changed by a literal credential too, and by its limits alone', async (t) => {
  for (const [from, to] of [
    ['CANARY-token-1', 'CANARY-token-2'],
    ['CANARY-token-1', 'CANARY-token-1, maxConcurrentCalls: 2'],
  ] as const) {
    const changes = await changesOf([from, to])
    t.strictSame(changes, { secrets: none, providers: { ...none, changed: ['q'] }, options: [] })
    t.notMatch(JSON.stringify(changes), 'CANARY-')
  }
})

t.test('all else is told by its path, and a section that comes or goes by its name', async (t) => {
  const more =
    'api: { hosts: [a.test] }\nlog: { level: debug }\nops: { listen: 127.0.0.1:0 }\nproviders:\n  p:'
  const before = await configOf(base)
  const after = await configOf(base.replace('providers:\n  p:', more))
  t.strictSame(changesBetween(before, after)?.options, ['api.hosts', 'ops', 'log.level'])
  t.strictSame(changesBetween(after, before)?.options, ['api.hosts', 'ops', 'log.level'])
})

t.test('callers, further listeners and the audit are told by their section', async (t) => {
  const of = (api: string): Promise<Config> => configOf(`${base}${api}`)
  const caller = (tokens: string) => `api: { callers: { web: { tokens: ${tokens}, allow: [a] } } }\n`
  const listener = (allow: string) => `api: { listeners: [{ listen: "unix:/w.sock", allow: [${allow}] }] }\n`
  const none = await of('')
  const options = (before: Config, after: Config) => changesBetween(before, after)?.options
  t.strictSame(options(none, await of(caller('[{ env: A }]'))), ['api.callers'])
  t.strictSame(options(await of(caller('[{ env: A }]')), none), ['api.callers'])
  t.strictSame(options(await of(caller('[{ env: A }]')), await of(caller('[{ env: A }, { env: B }]'))), [
    'api.callers',
  ])
  t.equal(options(await of(caller('[{ env: A }]')), await of(caller('[{ env: A }]'))), undefined)
  t.strictSame(options(none, await of(listener('a'))), ['api.listeners'])
  t.strictSame(options(await of(listener('a')), await of(listener('b'))), ['api.listeners'])
  t.strictSame(options(none, await of('audit: { stdout: true }\n')), ['audit'])
  t.strictSame(options(await of('audit: { file: /a }\n'), await of('audit: { file: /b }\n')), ['audit.file'])
})

t.test('files are told one by one, by their paths', async (t) => {
  const of = (...files: string[]): Promise<Config> => configOf(`${base}files: [${files.join(', ')}]\n`)
  const file = (path: string, mode = '0440') =>
    `{ path: ${path}, format: map, secrets: [a], mode: "${mode}" }`
  const options = (before: Config, after: Config) => changesBetween(before, after)?.options
  const both = await of(file('/one'), file('/x.listen'))
  t.strictSame(options(await of(), both), ['files./one', 'files./x.listen'])
  t.strictSame(options(both, await of(file('/x.listen'), file('/one', '0400'))), ['files./one'])
  t.strictSame(options(both, await of(file('/one'))), ['files./x.listen'])
  t.equal(options(both, await of(file('/x.listen'), file('/one'))), undefined, 'in whichever order')
  const changes = changesBetween(await of(), both)
  t.equal(changes && movesListeners(changes), false)
})

t.test('a change may move a listener where an address, a listener or HTTPS changes', async (t) => {
  const moves = (...options: string[]): boolean => movesListeners({ secrets: none, providers: none, options })
  for (const option of [
    'api.listen',
    'ops.listen',
    'proxy.listen',
    'ops',
    'proxy',
    'api.listeners',
    'api.tls',
  ])
    t.ok(moves('log.level', option), option)
  t.notOk(moves('api.callers', 'api.hosts', 'audit', 'audit.file', 'proxy.limits'))
})

t.test('only the format of the log waits for the next start', async (t) => {
  const before = await configOf(base)
  const after = await configOf(`${base}log: { level: debug, format: json }\n`)
  const changes = changesBetween(before, after)
  t.ok(changes)
  if (changes !== undefined) t.strictSame(needingRestart(changes), ['log.format'])
})

t.test('the summary names what has changed, and of many only the first', async (t) => {
  const names = Array.from({ length: 25 }, (_, index) => `s${index}`)
  const summary = summaryOf({
    secrets: { added: names, removed: ['a'], changed: [] },
    providers: none,
    options: [],
  })
  t.strictSame(summary, { secrets: { added: [...names.slice(0, 20), 'and 5 more'], removed: ['a'] } })
})
