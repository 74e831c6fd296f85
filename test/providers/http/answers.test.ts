import t, { type Test } from 'tap'

import { answer, startBackend } from '../../support/backend.ts'
import { type Brought, failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { httpProvider } from './support.ts'

type Entries = Map<string, Brought>

/** What the provider makes of this answer to a list. */
async function list(t: Test, body: string | Buffer): Promise<Entries> {
  const backend = await startBackend(t)
  backend.handler = answer(200, body)
  return await (await httpProvider(t, backend.url, { maxSecrets: 4 })).fetch(['key'], signal())
}

/** What the provider makes of this answer to the key `key`. */
async function single(t: Test, body: string | Buffer, contentType = 'application/json'): Promise<Entries> {
  const backend = await startBackend(t)
  backend.handler = answer(200, body, { 'content-type': contentType })
  return await (await httpProvider(t, `${backend.origin}/{key}`)).fetch(['key'], signal())
}

async function malformed(t: Test, answered: Promise<Entries>, words: RegExp): Promise<void> {
  const error = await failureOf(answered)
  t.match(error, { kind: 'unavailable', reason: 'malformed' })
  t.match(error.message, words)
  leaksNothing(t, error)
}

t.test('a list is an array of items, an object with secrets, or a flat object', async (t) => {
  for (const body of [
    '[{"name":"key","value":"CANARY-1"}]',
    '{"secrets":[{"name":"key","value":"CANARY-1"}],"next":null}',
    '{"key":"CANARY-1","secrets":"CANARY-a-secret-of-that-name"}',
    '\ufeff{"key":"CANARY-1"}',
  ]) {
    t.equal(text((await list(t, body)).get('key')), 'CANARY-1', body)
  }
})

t.test('an item may have a version, a lifetime in seconds, and base64', async (t) => {
  const item = { name: 'key', value: 'Q0FOQVJZLTE=', encoding: 'base64', version: 'v7', ttl: 1.5, more: [] }
  const entry = (await list(t, JSON.stringify([item]))).get('key')
  t.equal(text(entry), 'CANARY-1')
  t.match(entry, { version: 'v7', ttlMs: 1500 })
})

t.test('a version may be a number, and a lifetime of 0 is none', async (t) => {
  const entry = (
    await list(t, '[{"name":"key","value":"CANARY-1","version":12345678901234567890,"ttl":0}]')
  ).get('key')
  t.match(entry, { version: '12345678901234567890' })
  t.equal(entry !== undefined && 'ttlMs' in entry, false)
})

t.test('a value that is no string is JSON-encoded, its numbers as they were written', async (t) => {
  for (const [json, expected] of [
    ['{"user":"CANARY-u","n":1.50}', '{"user":"CANARY-u","n":1.50}'],
    ['12345678901234567890', '12345678901234567890'],
    ['-0', '-0'],
    ['[1, true, null]', '[1,true,null]'],
    ['true', 'true'],
    ['null', 'null'],
  ]) {
    t.equal(text((await list(t, `[{"name":"key","value":${json}}]`)).get('key')), expected)
    t.equal(text((await list(t, `{"key":${json}}`)).get('key')), expected)
  }
})

t.test('a name that is special to JavaScript is a name like others', async (t) => {
  const names = ['__proto__', 'constructor', 'toString']
  const backend = await startBackend(t)
  backend.handler = answer(200, '{"__proto__":"CANARY-1","constructor":"CANARY-2","toString":"CANARY-3"}')
  const result = await (await httpProvider(t, backend.url)).fetch(names, signal())
  t.same(
    names.map((name) => text(result.get(name))),
    ['CANARY-1', 'CANARY-2', 'CANARY-3'],
  )
})

t.test('a list that cannot be trusted as a whole is malformed', async (t) => {
  for (const [body, words] of [
    ['[{"name":"key","value":"CANARY-1"},{"name":"key","value":"CANARY-2"}]', /a name more than once/],
    ['[{"value":"CANARY-1"}]', /no object with a "name"/],
    ['["CANARY-1"]', /no object with a "name"/],
    ['[{"name":"","value":"CANARY-1"}]', /empty/],
    ['[{"name":"\\ud800","value":"CANARY-1"}]', /not Unicode/],
    ['"CANARY-1"', /neither a list/],
    ['12345678901234567890', /neither a list/],
    ['null', /neither a list/],
    ['CANARY-1', /not valid JSON/],
    [`${'['.repeat(200_000)}`, /not valid JSON/],
  ] as const) {
    await malformed(t, list(t, body), words)
  }
  for (const secrets of ['null', '{"a":"CANARY-1"}', '7', 'true']) {
    await malformed(t, list(t, `{"secrets":${secrets}}`), /"secrets" is no list/)
  }
  await malformed(t, list(t, Buffer.from('{"key":"CANARY-\xff"}', 'latin1')), /not valid UTF-8/)
})

t.test('an item that cannot be read is an error of its own key, and the others are served', async (t) => {
  const other = '{"name":"other","value":"CANARY-other"}'
  for (const [item, words] of [
    ['{"name":"key"}', /no "value"/],
    ['{"name":"key","value":"CANARY-1","encoding":"rot13"}', /"encoding" is not known/],
    ['{"name":"key","value":"Q0FOQVJZLQ","encoding":"base64"}', /not valid base64/],
    ['{"name":"key","value":"Q0FO QVJZ","encoding":"base64"}', /not valid base64/],
    ['{"name":"key","value":1,"encoding":"base64"}', /no string/],
    ['{"name":"key","value":"CANARY-1","ttl":"soon"}', /"ttl" is no number/],
    ['{"name":"key","value":"CANARY-1","ttl":-1}', /"ttl" is no number/],
    ['{"name":"key","value":"CANARY-1","ttl":1e400}', /"ttl" is no number/],
    ['{"name":"key","value":"CANARY-1","version":{}}', /"version" is neither/],
    ['{"name":"key","value":"CANARY-\\ud800"}', /not well-formed/],
  ] as const) {
    const backend = await startBackend(t)
    backend.handler = answer(200, `[${item},${other}]`)
    const result = await (await httpProvider(t, backend.url)).fetch(['key', 'other'], signal())
    await malformed(t, Promise.resolve(result), words)
    t.equal(text(result.get('other')), 'CANARY-other')
  }
})

t.test('a list with more secrets than maxSecrets is oversized', async (t) => {
  const entries = Array.from({ length: 5 }, (_, n) => [`key${n}`, 'CANARY-1'])
  const error = await failureOf(list(t, JSON.stringify(Object.fromEntries(entries))))
  t.match(error, { kind: 'unavailable', reason: 'oversized' })
  t.match(error.message, /more than 4 secrets.*maxSecrets/)
})

t.test('one key is answered as JSON with a value, or as the bytes of any other type', async (t) => {
  t.equal(text((await single(t, '{"value":"CANARY-1"}')).get('key')), 'CANARY-1')
  t.equal(
    text((await single(t, '{"value":"CANARY-1"}', 'Application/Vault+JSON; charset=utf-8')).get('key')),
    'CANARY-1',
  )
  t.equal(text((await single(t, ' CANARY-1\n', 'text/plain')).get('key')), ' CANARY-1\n')
  t.equal(text((await single(t, '{"value":"CANARY-1"}', 'text/plain')).get('key')), '{"value":"CANARY-1"}')
})

t.test('JSON for one key without a value in it is malformed', async (t) => {
  await malformed(t, single(t, '{"secret":"CANARY-1"}'), /no "value"/)
  await malformed(t, single(t, '"CANARY-1"'), /no JSON object/)
})

t.test('the strong ETag of one key is its version, unless the answer names one', async (t) => {
  const backend = await startBackend(t)
  const provider = await httpProvider(t, `${backend.origin}/{key}`)
  for (const [etag, body, version] of [
    ['"abc"', '{"value":"CANARY-1"}', 'abc'],
    ['"abc"', '{"value":"CANARY-1","version":"7"}', '7'],
    ['W/"abc"', '{"value":"CANARY-1"}', undefined],
    ['"with space "', '{"value":"CANARY-1"}', undefined],
  ] as const) {
    backend.handler = answer(200, body, { etag, 'content-type': 'application/json' })
    const entry = (await provider.fetch(['key'], signal())).get('key')
    t.equal(entry !== undefined && 'version' in entry ? entry.version : undefined, version, etag)
  }
})

t.test(
  'one item that is nested too deep is an error of its key, and takes only numbers with it',
  async (t) => {
    const deep = `${'{"0":'.repeat(3_000)}"CANARY-deep"${'}'.repeat(3_000)}`
    const backend = await startBackend(t)
    const provider = await httpProvider(t, backend.url)
    const list = async (body: string): Promise<Entries> => {
      backend.handler = answer(200, body)
      return await provider.fetch(['deep', 'key', 'n', 'all'], signal())
    }
    const flat = await list(
      `{"deep":${deep},"key":"CANARY-1","n":12345678901234567890,"all":["CANARY-2",true]}`,
    )
    t.equal(text(flat.get('key')), 'CANARY-1')
    t.equal(text(flat.get('all')), '["CANARY-2",true]')
    t.match(flat.get('n'), { kind: 'unavailable', reason: 'malformed', message: /"n".*lost its spelling/ })
    t.match(flat.get('deep'), {
      kind: 'unavailable',
      reason: 'malformed',
      message: /"deep".*nested too deep/,
    })
    const items = await list(
      `[{"name":"deep","value":${deep}},{"name":"key","value":"CANARY-1","version":7,"ttl":1.5},{"name":"n","value":{"pin":1.50}}]`,
    )
    const entry = items.get('key')
    t.equal(text(entry), 'CANARY-1')
    t.match(entry, { version: '7', ttlMs: 1500 })
    for (const name of ['deep', 'n']) t.match(items.get(name), { kind: 'unavailable', reason: 'malformed' })
  },
)

t.test('a name that is special to JavaScript is one beside what is nested too deep as well', async (t) => {
  const deep = `${'{"0":'.repeat(3_000)}0${'}'.repeat(3_000)}`
  const backend = await startBackend(t)
  backend.handler = answer(200, `{"__proto__":1.50,"constructor":"CANARY-2","deep":${deep}}`)
  const names = ['__proto__', 'constructor', 'deep']
  const result = await (await httpProvider(t, backend.url)).fetch(names, signal())
  t.equal(text(result.get('constructor')), 'CANARY-2')
  for (const name of ['__proto__', 'deep'])
    t.match(result.get(name), { kind: 'unavailable', reason: 'malformed' })
})
