import t from 'tap'
import { createWorld } from './support/world.ts'

t.test('a value is answered as JSON with its version, state and time of fetching', async (t) => {
  const world = await createWorld(t)
  const { status, headers, json } = await world.get('/v1/secrets/db-password')
  const version = headers['sidekeep-version']
  t.equal(status, 200)
  t.strictSame(json(), {
    name: 'db-password',
    value: 'CANARY-db-password-1',
    version,
    fetchedAt: '2026-01-01T00:00:00.000Z',
    state: 'fresh',
  })
  t.match(headers, {
    'content-type': 'application/json; charset=utf-8',
    etag: /^"[!#-~]+"$/,
    age: '0',
    'cache-control': 'no-store',
    'sidekeep-version': /^h-/,
    'sidekeep-state': 'fresh',
    'x-content-type-options': 'nosniff',
    vary: 'Accept',
  })
})

t.test(
  'a value is answered raw, byte by byte, for ?format=raw and for the media types of bytes',
  async (t) => {
    const world = await createWorld(t)
    for (const [path, accept] of [
      ['/v1/secrets/db-password?format=raw', 'application/json'],
      ['/v1/secrets/db-password', 'text/plain'],
      ['/v1/secrets/db-password', 'application/octet-stream'],
    ] as const) {
      const { text, headers } = await world.get(path, { headers: { Accept: accept } })
      t.equal(text, 'CANARY-db-password-1', `${path} ${accept}`)
      t.equal(headers['content-type'], 'text/plain; charset=utf-8')
    }
    const json = await world.get('/v1/secrets/db-password?format=json', { headers: { Accept: 'text/plain' } })
    t.equal(json.json().value, 'CANARY-db-password-1', 'the query wins over the header')
  },
)

t.test('a value that is no text is base64 in JSON and its own bytes when raw', async (t) => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0x00]), Buffer.from('CANARY-binary-1')])
  const world = await createWorld(t, { values: { keystore: bytes } })
  const asJson = await world.get('/v1/secrets/keystore')
  t.equal(asJson.json().encoding, 'base64')
  t.equal(asJson.json().value, bytes.toString('base64'))
  const raw = await world.get('/v1/secrets/keystore?format=raw')
  t.ok(raw.bytes.equals(bytes))
  t.equal(raw.headers['content-type'], 'application/octet-stream')
})

t.test('a field of a JSON value is picked by member or by JSON Pointer, in both forms', async (t) => {
  const value = JSON.stringify({ password: 'CANARY-field-1', db: { ports: [5432] }, 'a/b': 'CANARY-slash-1' })
  const world = await createWorld(t, { values: { config: value } })
  t.equal((await world.get('/v1/secrets/config?field=password')).json().value, 'CANARY-field-1')
  t.equal((await world.get('/v1/secrets/config?field=password&format=raw')).text, 'CANARY-field-1')
  t.equal((await world.get('/v1/secrets/config?field=/db/ports/0&format=raw')).text, '5432')
  t.equal((await world.get('/v1/secrets/config?field=/a~1b&format=raw')).text, 'CANARY-slash-1')
})

t.test(
  'a field that is not there is 404 SIDEKEEP_FIELD_NOT_FOUND, also in a value that is no JSON',
  async (t) => {
    const world = await createWorld(t, { values: { config: '{"a":"CANARY-a-1"}', plain: 'CANARY-plain-1' } })
    for (const path of [
      'config?field=b',
      'config?field=constructor',
      'plain?field=a',
      'config?field=b&format=raw',
    ]) {
      const { status, json, text } = await world.get(`/v1/secrets/${path}`)
      t.equal(status, 404, path)
      t.equal(json().code, 'SIDEKEEP_FIELD_NOT_FOUND', path)
      t.notMatch(text, 'CANARY-')
    }
  },
)

t.test('HEAD answers the headers of GET, Content-Length too, and no body', async (t) => {
  const world = await createWorld(t)
  const { request } = await import('./support/client.ts')
  for (const path of ['/v1/secrets/db-password', '/v1/secrets', '/livez', '/v1/secrets/nope']) {
    const headers = { 'X-Sidekeep-Request': 'true' }
    const get = await request(world.port, 'GET', path, { headers })
    const head = await request(world.port, 'HEAD', path, { headers })
    t.equal(head.status, get.status, path)
    t.equal(head.bytes.length, 0, path)
    t.strictSame({ ...head.headers, date: '' }, { ...get.headers, date: '' }, path)
  }
})

t.test('a name is decoded once, whatever of it is percent-encoded', async (t) => {
  const names = [
    'app/db/password',
    'with space',
    'grüße/ключ',
    '100%',
    'a%2Fb',
    'a+b',
    'a?b#c',
    'x'.repeat(256),
    'é'.repeat(128),
  ]
  const world = await createWorld(t, {
    values: Object.fromEntries(names.map((name) => [name, `CANARY-${name}`])),
  })
  for (const name of names) {
    const { json } = await world.get(`/v1/secrets/${encodeURIComponent(name)}`)
    t.equal(json().value, `CANARY-${name}`, name)
  }
  t.equal((await world.get('/v1/secrets/app/db/password')).json().name, 'app/db/password')
  t.equal((await world.get('/v1/secrets/app%2Fdb/password')).json().name, 'app/db/password')
  t.equal((await world.get('/v1/secrets/a%252Fb')).json().name, 'a%2Fb')
  t.equal((await world.get('/v1/secrets/a%2Fb')).json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
})

t.test('a name that no rule names is 404 and asks no backend', async (t) => {
  const world = await createWorld(t)
  const calls = world.provider.calls
  for (const name of ['nope', 'x'.repeat(5_000), '..%2Fetc', 'a%00b', '']) {
    const { status, json } = await world.get(`/v1/secrets/${name}`)
    t.equal(status, 404)
    t.equal(json().code, 'SIDEKEEP_SECRET_NOT_FOUND')
  }
  t.equal(world.provider.calls, calls)
})

t.test('Age counts whole seconds since the provider confirmed the value; fetchedAt stays', async (t) => {
  const world = await createWorld(t)
  await world.clock.advance(59_999)
  t.equal((await world.get('/v1/secrets/db-password')).headers.age, '59')
  await world.refresher.refresh('db-password')
  await world.clock.advance(1_000)
  const { headers, json } = await world.get('/v1/secrets/db-password')
  t.equal(headers.age, '1')
  t.equal(json().fetchedAt, '2026-01-01T00:00:00.000Z')
})

t.test('an outage is seen as stale and then as 503 SIDEKEEP_SECRET_EXPIRED with Retry-After', async (t) => {
  const { ProviderError } = await import('../../src/secrets/provider.ts')
  const world = await createWorld(t, { rules: { 'db-password': { maxStaleMs: 3_600_000 } } })
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(700_000)
  const stale = await world.get('/v1/secrets/db-password')
  t.equal(stale.status, 200)
  t.equal(stale.headers['sidekeep-state'], 'stale')
  t.equal(stale.json().state, 'stale')
  await world.clock.advance(3_600_000)
  const expired = await world.get('/v1/secrets/db-password')
  t.equal(expired.status, 503)
  t.equal(expired.json().code, 'SIDEKEEP_SECRET_EXPIRED')
  t.match(expired.headers['retry-after'], /^[1-9]\d*$/)
  t.notMatch(expired.text, 'CANARY-')
})

t.test(
  'before the first fetch a declared secret is 503 SIDEKEEP_SECRET_NOT_LOADED with Retry-After',
  async (t) => {
    const world = await createWorld(t, { loaded: false })
    const { status, json, headers } = await world.get('/v1/secrets/db-password')
    t.equal(status, 503)
    t.equal(json().code, 'SIDEKEEP_SECRET_NOT_LOADED')
    t.match(headers['retry-after'], /^[1-9]\d*$/)
  },
)
