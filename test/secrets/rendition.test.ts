import t from 'tap'
import { Rendition } from '../../src/secrets/rendition.ts'
import { Secret, SecretValue } from '../../src/secrets/secret.ts'
import fc from '../support/property.ts'

const fetchedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function render(value: string | Buffer, version = 'v1', at = fetchedAt): Rendition {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return new Rendition(new Secret('app/db', version, new SecretValue(bytes)), at)
}

const json = (rendition: Rendition, field?: string): unknown => {
  const made = rendition.represent('json', 'fresh', field)
  return made === undefined ? undefined : JSON.parse(made.reveal().toString())
}

t.test('the JSON form says name, value, version, time and state', (t) => {
  t.same(json(render('CANARY-ä\u0000"\u2028')), {
    name: 'app/db',
    value: 'CANARY-ä\u0000"\u2028',
    version: 'v1',
    fetchedAt: '2026-01-02T03:04:05.678Z',
    state: 'fresh',
  })
  t.equal(render('CANARY-1').represent('json', 'fresh')?.contentType, 'application/json; charset=utf-8')
  t.end()
})

t.test('the raw form is exactly the bytes of the value', (t) => {
  for (const value of ['CANARY-text', 'CANARY-\r\n', '', 'CANARY-\ufeff']) {
    const made = render(value).represent('raw', 'fresh')
    t.ok(made?.reveal().equals(Buffer.from(value)))
    t.equal(made?.contentType, 'text/plain; charset=utf-8')
  }
  const binary = Buffer.concat([Buffer.from('CANARY-'), Buffer.from([0xff, 0xfe, 0x00, 0xc0])])
  const made = render(binary).represent('raw', 'stale')
  t.ok(made?.reveal().equals(binary))
  t.equal(made?.contentType, 'application/octet-stream')
  t.end()
})

t.test('a binary value is base64 in JSON and says so; it has no fields', (t) => {
  const binary = Buffer.concat([Buffer.from('{"a":"CANARY-'), Buffer.from([0xff]), Buffer.from('"}')])
  const rendition = render(binary)
  t.match(json(rendition), { value: binary.toString('base64'), encoding: 'base64' })
  t.equal(rendition.represent('json', 'fresh', 'a'), undefined)
  t.equal(rendition.represent('raw', 'fresh', 'a'), undefined)
  t.end()
})

t.test('a field is there in both forms', (t) => {
  const rendition = render('{"user":"CANARY-user","port":5432,"tls":{"on":true},"none":null}')
  t.match(json(rendition, 'user'), { name: 'app/db', value: 'CANARY-user' })
  t.equal(rendition.represent('raw', 'fresh', 'user')?.reveal().toString(), 'CANARY-user')
  t.equal(rendition.represent('raw', 'fresh', 'port')?.reveal().toString(), '5432')
  t.equal(rendition.represent('raw', 'fresh', 'tls')?.reveal().toString(), '{"on":true}')
  t.equal(rendition.represent('raw', 'fresh', '/tls/on')?.reveal().toString(), 'true')
  t.equal(rendition.represent('raw', 'fresh', 'none')?.reveal().toString(), 'null')
  t.equal(rendition.represent('raw', 'fresh', 'nope'), undefined)
  t.equal(rendition.represent('json', 'stale', 'nope'), undefined)
  t.end()
})

t.test('each form is made once, and raw bytes are the same ones in every state', (t) => {
  const rendition = render('{"a":"CANARY-1"}')
  for (const field of [undefined, 'a']) {
    for (const state of ['fresh', 'stale'] as const) {
      t.equal(rendition.represent('json', state, field), rendition.represent('json', state, field))
    }
    t.equal(rendition.represent('raw', 'fresh', field), rendition.represent('raw', 'stale', field))
  }
  t.end()
})

t.test('the fields kept for callers are bounded; further ones are right all the same', (t) => {
  const value = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`f${at}`, `CANARY-${at}`]))
  const rendition = render(JSON.stringify(value))
  for (let at = 0; at < 200; at += 1) {
    t.equal(rendition.represent('raw', 'fresh', `f${at}`)?.reveal().toString(), `CANARY-${at}`)
  }
  const made = (field?: string) => rendition.represent('raw', 'fresh', field)
  const [kept, further, whole] = [made('f0'), made('f199'), made()]
  t.equal(made('f0'), kept)
  t.not(made('f199'), further)
  t.equal(made(), whole, 'the whole is always kept')
  t.end()
})

t.test('no name of a field runs into a form or a state', (t) => {
  const rendition = render('{"fresh":"CANARY-f","raw":"CANARY-r","fresh a":"CANARY-fa","":"CANARY-empty"}')
  rendition.represent('raw', 'fresh')
  rendition.represent('json', 'fresh')
  t.equal(rendition.represent('raw', 'fresh', 'fresh a')?.reveal().toString(), 'CANARY-fa')
  t.equal(rendition.represent('raw', 'fresh', 'raw')?.reveal().toString(), 'CANARY-r')
  t.equal(rendition.represent('raw', 'fresh', '')?.reveal().toString(), 'CANARY-empty')
  t.end()
})

t.test('the same strong tag means the same bytes: over states, versions, times and restarts', (t) => {
  const value = fc.constantFrom('CANARY-1', 'CANARY-2', '{"a":"CANARY-3"}')
  const version = fc.constantFrom('v1', 'v2', 'v1/x', 'v1/json')
  const time = fc.constantFrom(fetchedAt, fetchedAt + 1)
  const state = fc.constantFrom('fresh' as const, 'stale' as const)
  const form = fc.constantFrom('json' as const, 'raw' as const)
  const one = fc.record({ value, version, time, state, form })
  fc.assert(
    fc.property(one, one, (a, b) => {
      const [first, second] = [a, b].map((each) =>
        // Built anew each time, as after a restart.
        render(each.value, each.version, each.time).represent(each.form, each.state),
      )
      if (first === undefined || second === undefined) return false
      return first.etag !== second.etag || first.reveal().equals(second.reveal())
    }),
    { numRuns: 2_000 },
  )
  t.match(
    render('CANARY-1').represent('json', 'fresh')?.etag,
    /^"[\x21\x23-\x7e]+"$/,
    'as RFC 9110 writes them',
  )
  t.end()
})

t.test('a version that a backend uses again for other bytes does not look unchanged', (t) => {
  const before = render('CANARY-1', '1')
  const after = render('CANARY-2', '1', fetchedAt + 1)
  for (const form of ['json', 'raw'] as const) {
    const etag = before.represent(form, 'fresh')?.etag ?? ''
    t.ok(before.matches(etag, form))
    t.notOk(after.matches(etag, form))
  }
  t.end()
})

t.test(
  'a change of state alone is no change, and neither is a weak mark; another form or version is',
  (t) => {
    const rendition = render('CANARY-1')
    const tag = (form: 'json' | 'raw', state: 'fresh' | 'stale') =>
      rendition.represent(form, state)?.etag ?? ''
    t.ok(rendition.matches(tag('json', 'fresh'), 'json'))
    t.ok(rendition.matches(tag('json', 'stale'), 'json'))
    t.ok(rendition.matches(`W/${tag('json', 'fresh')}`, 'json'))
    t.ok(rendition.matches(tag('raw', 'stale'), 'raw'))
    t.notOk(rendition.matches(tag('json', 'fresh'), 'raw'))
    t.notOk(rendition.matches(tag('raw', 'fresh'), 'json'))
    t.ok(
      render('CANARY-1', 'v1', fetchedAt + 5).matches(tag('json', 'fresh'), 'json'),
      'fetched again, the same',
    )
    for (const other of ['v2', 'v1/', 'v', 'v1/x']) {
      t.notOk(render('CANARY-1', other).matches(tag('json', 'fresh'), 'json'))
      t.notOk(render('CANARY-1', other).matches(tag('raw', 'fresh'), 'raw'))
    }
    for (const nonsense of ['', '"', '""', '*', 'v1', '"v1"', 'W/', '"v1/raw"', '"v1/json"']) {
      t.notOk(rendition.matches(nonsense, 'raw'))
      t.notOk(rendition.matches(nonsense, 'json'))
    }
    t.end()
  },
)

t.test('a tag says nothing of the content', (t) => {
  const etag = render('CANARY-1').represent('raw', 'fresh')?.etag ?? ''
  t.notMatch(etag, 'CANARY-')
  t.match(etag, /^"v1\/h-[0-9a-f]{16}\/raw"$/)
  t.end()
})

t.test('once wiped, every byte that was rendered is overwritten', (t) => {
  const rendition = render('{"a":"CANARY-1"}')
  const bodies = [
    rendition.represent('json', 'fresh'),
    rendition.represent('json', 'stale'),
    rendition.represent('raw', 'fresh'),
    rendition.represent('raw', 'fresh', 'a'),
    rendition.represent('json', 'fresh', 'a'),
  ]
  rendition.wipe()
  for (const made of bodies)
    t.ok(made !== undefined && made.reveal().length > 0 && made.reveal().every((byte) => byte === 0))
  t.end()
})
