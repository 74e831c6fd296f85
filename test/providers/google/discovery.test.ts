import t from 'tap'
import { parsePattern } from '../../../src/providers/google/key.ts'
import { filterFor } from '../../../src/providers/google/list.ts'
import { googleError, startFakeGoogle } from '../../support/fake-google.ts'
import fc from '../../support/property.ts'
import { leaksNothing, signal } from '../conformance.ts'
import { googleProvider } from './support.ts'

t.test('a pattern finds the keys that it covers', async (t) => {
  const google = await startFakeGoogle(t)
  for (const id of ['app-db', 'app-key', 'other', 'my-app-db']) google.secrets.add(id, 'CANARY-value')
  const provider = googleProvider(t, google)
  const keys = (await provider.listKeys?.(['app-*'], signal())) ?? []
  t.same(keys.filter((key) => key.startsWith('app-')).sort(), ['app-db', 'app-key'])
  t.notOk(keys.includes('other'), 'the list is narrowed at Google')
  t.same(google.asked(':access'), [], 'and no value is asked for')
  const [path = ''] = google.asked('/secrets?')
  t.match(new URL(path, google.origin).searchParams.get('filter'), /^name:app-$/)
})

t.test('all pages are asked for', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.largestPage = 7
  const ids = Array.from({ length: 50 }, (_, n) => `secret_${n}`)
  for (const id of ids) google.secrets.add(id, 'CANARY-value')
  const keys = (await googleProvider(t, google).listKeys?.(['*'], signal())) ?? []
  t.same([...keys].sort(), ids.sort())
  t.equal(google.asked('/secrets?').length, 8)
})

t.test('no secret, or none that is covered, is an empty list', async (t) => {
  const google = await startFakeGoogle(t)
  const provider = googleProvider(t, google)
  t.same(await provider.listKeys?.(['*'], signal()), [])
  google.secrets.add('other', 'CANARY-value')
  t.same(await provider.listKeys?.(['app-*'], signal()), [])
})

t.test('keys of patterns that name a project are found under that name', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.add('app-db', 'CANARY-value')
  const provider = googleProvider(t, google)
  const patterns = ['app-*', 'projects/123456789012/secrets/app-*']
  t.same(await provider.listKeys?.(patterns, signal()), ['app-db', 'projects/123456789012/secrets/app-db'])
})

t.test('regional secrets are listed where they are', async (t) => {
  const google = await startFakeGoogle(t, { location: 'europe-west3' })
  google.secrets.add('app-db', 'CANARY-value')
  const provider = googleProvider(t, google, { location: 'europe-west3' })
  const full = 'projects/my-project/locations/europe-west3/secrets/'
  t.same(await provider.listKeys?.(['app-*', `${full}*`], signal()), ['app-db', `${full}app-db`])
  t.same(
    await provider.listKeys?.(['projects/my-project/secrets/*'], signal()),
    [],
    'a global one is not here',
  )
})

t.test('a pattern whose * is elsewhere finds nothing, and asks nobody', async (t) => {
  const google = await startFakeGoogle(t)
  const patterns = ['db/versions/*', 'projects/*/secrets/db', '**', 'é*']
  t.same(await googleProvider(t, google).listKeys?.(patterns, signal()), [])
  t.same(google.requests, [])
})

t.test('the filter of the configuration narrows what is discovered', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.add('app-db', 'CANARY-value', { team: 'payments' })
  google.secrets.add('app-key', 'CANARY-value', { team: 'others' })
  const provider = googleProvider(t, google, { filter: 'labels.team=payments' })
  t.same(await provider.listKeys?.(['app-*'], signal()), ['app-db'])
  t.same(await provider.listKeys?.(['*'], signal()), ['app-db'])
})

t.test('a list that is larger than maxSecrets is an error', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.largestPage = 2
  for (let n = 0; n < 5; n++) google.secrets.add(`secret-${n}`, 'CANARY-value')
  t.equal((await googleProvider(t, google, { maxSecrets: 5 }).listKeys?.(['*'], signal()))?.length, 5)
  const error: unknown = await googleProvider(t, google, { maxSecrets: 4 })
    .listKeys?.(['*'], signal())
    .catch((reason: unknown) => reason)
  t.match(error, {
    kind: 'unavailable',
    reason: 'oversized',
    message: /more than 4 secrets.*raise maxSecrets/,
  })
  leaksNothing(t, error)
})

t.test('pages without an end come to one', async (t) => {
  const google = await startFakeGoogle(t)
  google.intercept = ({ url }) =>
    url.pathname.endsWith('/secrets') ? { status: 200, body: '{"nextPageToken":"again"}' } : undefined
  const error: unknown = await googleProvider(t, google)
    .listKeys?.(['*'], signal())
    .catch((reason: unknown) => reason)
  t.match(error, { kind: 'unavailable', reason: 'oversized', message: /more than 1000 pages/ })
  t.equal(google.asked('/secrets?').length, 1000)
})

t.test('a page that fails fails the list: part of it would look like the whole', async (t) => {
  const google = await startFakeGoogle(t)
  google.secrets.largestPage = 1
  google.secrets.add('a', 'CANARY-value')
  google.secrets.add('b', 'CANARY-value')
  google.intercept = ({ url }) =>
    url.searchParams.has('pageToken') ? googleError(503, 'UNAVAILABLE') : undefined
  const error: unknown = await googleProvider(t, google)
    .listKeys?.(['*'], signal())
    .catch((reason: unknown) => reason)
  t.match(error, { kind: 'unavailable', reason: 'status' })
  leaksNothing(t, error)
})

t.test('a page that is none is malformed', async (t) => {
  const google = await startFakeGoogle(t)
  const provider = googleProvider(t, google)
  for (const body of [
    '',
    '[]',
    '{"secrets":{}}',
    '{"secrets":["CANARY"]}',
    '{"secrets":[{"name":"CANARY"}]}',
    '{"secrets":[{"name":"projects/1/secrets/.."}]}',
    '{"nextPageToken":7}',
  ]) {
    google.intercept = ({ url }) => (url.pathname.endsWith('/secrets') ? { status: 200, body } : undefined)
    const error: unknown = await provider.listKeys?.(['*'], signal()).catch((reason: unknown) => reason)
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body)
    leaksNothing(t, error)
  }
})

t.test('a list that is given up rejects at once', async (t) => {
  const google = await startFakeGoogle(t)
  const asked = Promise.withResolvers<void>()
  google.intercept = ({ url }) => {
    if (!url.pathname.endsWith('/secrets')) return undefined
    asked.resolve()
    return 'hang'
  }
  const controller = new AbortController()
  const listing = googleProvider(t, google).listKeys?.(['*'], controller.signal)
  await asked.promise
  controller.abort(new Error('CANARY-reason'))
  const error: unknown = await listing?.catch((reason: unknown) => reason)
  t.match(error, { kind: 'unavailable', reason: 'aborted' })
  leaksNothing(t, error)
})

t.test('a filter lets through whatever a pattern covers', async () => {
  const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(id, fc.nat(20), fc.nat(20)), { minLength: 1, maxLength: 4 }), (covered) => {
      const patterns = covered.map(([id, from, to]) => {
        const start = Math.min(from, id.length)
        return parsePattern(`${id.slice(0, start)}*${id.slice(Math.max(start, to))}`)
      })
      const filter = filterFor(
        patterns.filter((pattern) => pattern !== undefined),
        undefined,
      )
      if (filter === undefined) return true
      const parts = filter.split(' OR ').map((term) => /^name:([A-Za-z][\w-]*)$/.exec(term)?.[1] ?? '?')
      return covered.every(([id]) => parts.some((part) => id.toLowerCase().includes(part.toLowerCase())))
    }),
  )
})

t.test('what would mean something else in a filter is left out of it', async (t) => {
  const filterOf = (...patterns: string[]) =>
    filterFor(
      patterns.map(parsePattern).filter((pattern) => pattern !== undefined),
      undefined,
    )
  for (const pattern of ['*', '-x*', '_x*', '9x*', 'OR*', 'and*', '*Not'])
    t.equal(filterOf(pattern), undefined, pattern)
  t.equal(filterOf('app-*', '*'), undefined, 'one that covers all needs all')
  t.equal(filterOf('app-*', '*-key'), undefined, 'one that cannot be said needs all')
  t.equal(filterOf('app-*', 'app-*', '*key'), 'name:app- OR name:key')
  const many = Array.from({ length: 100 }, (_, n) => `a-long-prefix-${n}-*`)
  t.equal(filterOf(...many), undefined, 'nor does one that would be too long')
})
