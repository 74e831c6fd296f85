import t from 'tap'
import { parentName, parseKey, parseListedName, parsePattern } from '../../../src/providers/google/key.ts'
import fc from '../../support/property.ts'

const own = { project: undefined, location: undefined, version: 'latest' }

t.test('a key is the ID of a secret, with a version or without', async (t) => {
  t.same(parseKey('db-password'), { ...own, secret: 'db-password' })
  t.same(parseKey('db-password/versions/5'), { ...own, secret: 'db-password', version: '5' })
  t.same(parseKey('db-password/versions/latest'), { ...own, secret: 'db-password' })
  t.same(parseKey('db-password/versions/live_1'), { ...own, secret: 'db-password', version: 'live_1' })
})

t.test('a key may name its project, by ID, number or with the domain of a legacy one', async (t) => {
  for (const project of ['my-project', '123456789012', 'example.com:my-project']) {
    t.same(parseKey(`projects/${project}/secrets/s/versions/2`), {
      ...own,
      project,
      secret: 's',
      version: '2',
    })
  }
})

t.test('a key of a regional secret names project and location', async (t) => {
  const named = { project: 'my-project', location: 'europe-west3' }
  t.same(parseKey('projects/my-project/locations/europe-west3/secrets/s'), { ...own, ...named, secret: 's' })
})

t.test('what Secret Manager cannot have is no key', async (t) => {
  for (const key of [
    '',
    '.',
    '..',
    'a/b',
    'a/',
    '/a',
    'a/versions/',
    'a/versions/0',
    'a/versions/-1',
    'a/versions/1.5',
    'a/versions/05',
    `a/versions/${'9'.repeat(20)}`,
    `a/versions/${'a'.repeat(64)}`,
    'a/versions/1:access',
    'a/versions/1/versions/2',
    'a:access',
    'a?alt=media',
    'a#b',
    'a%2fb',
    'a b',
    'a\n',
    'é',
    'a*',
    'x'.repeat(256),
    'secrets/a',
    'projects/secrets/a',
    'projects//secrets/a',
    'projects/../secrets/a',
    'projects/P/secrets/a',
    'projects/my-project/secrets/',
    'projects/my-project/locations/secrets/a',
    'projects/my-project/locations/../secrets/a',
    'projects/my-project/locations/EU/secrets/a',
  ]) {
    t.equal(parseKey(key), undefined, JSON.stringify(key.slice(0, 60)))
  }
})

t.test('whatever the key, its parts are such as mean nothing else in a path', async () => {
  const part = fc.constantFrom(
    'projects',
    'my-project',
    'locations',
    'eu',
    'secrets',
    'versions',
    '1',
    '..',
    '%2f',
    'é',
    '',
  )
  const key = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 9 }).map((parts) => parts.join('/')),
  )
  fc.assert(
    fc.property(key, (written) => {
      const parsed = parseKey(written)
      if (parsed === undefined) return true
      const { project = 'own-project', location, secret, version } = parsed
      const path = `/v1/${parentName({ project, location })}/secrets/${secret}/versions/${version}:access`
      return new URL(`https://google.test${path}`).pathname === path && /^[\w/:.-]+$/.test(path)
    }),
    { numRuns: 2000 },
  )
})

t.test('what is a key stays one when its parts are put together again', async () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_-]{1,255}$/)
  const version = fc.stringMatching(/^(?:[1-9][0-9]{0,18}|[A-Za-z][A-Za-z0-9_-]{0,62})$/)
  const project = fc.stringMatching(/^(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,19})$/)
  const location = fc.option(fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/), { nil: undefined })
  fc.assert(
    fc.property(project, location, secret, version, (project, location, secret, version) => {
      const parsed = parseKey(`${parentName({ project, location })}/secrets/${secret}/versions/${version}`)
      return (
        parsed?.project === project &&
        parsed.location === location &&
        parsed.secret === secret &&
        parsed.version === version
      )
    }),
  )
})

t.test('a pattern is a key with one * in the ID of the secret', async (t) => {
  const nowhere = { project: undefined, location: undefined, before: '' }
  t.same(parsePattern('*'), { ...nowhere, prefix: '', suffix: '' })
  t.same(parsePattern('app-*-key'), { ...nowhere, prefix: 'app-', suffix: '-key' })
  t.same(parsePattern('projects/my-project/locations/eu/secrets/app-*'), {
    project: 'my-project',
    location: 'eu',
    prefix: 'app-',
    suffix: '',
    before: 'projects/my-project/locations/eu/secrets/',
  })
  for (const pattern of [
    '',
    'app',
    '**',
    'a*b*',
    'projects/*/secrets/a',
    'a/versions/*',
    '*/versions/1',
    'é*',
  ]) {
    t.equal(parsePattern(pattern), undefined, pattern)
  }
})

t.test('a name in a list is that of a secret, global or regional', async (t) => {
  t.equal(parseListedName('projects/123/secrets/a'), 'a')
  t.equal(parseListedName('projects/123/locations/eu/secrets/a'), 'a')
  for (const name of ['a', 'projects/123/secrets/a/versions/1', 'projects/123/secrets/../b', '']) {
    t.equal(parseListedName(name), undefined, name)
  }
})
