import t from 'tap'
import { parseKey } from '../../../src/providers/kubernetes/key.ts'
import { ProviderError } from '../../../src/secrets/provider.ts'
import { answer } from '../../support/backend.ts'
import { startKubernetes } from '../../support/fake-kubernetes.ts'
import fc from '../../support/property.ts'
import { bytes, leaksNothing, signal, text } from '../conformance.ts'
import { kubernetesProvider } from './support.ts'

t.test('a key is the name of a Secret, or that and an entry', async (t) => {
  t.strictSame(parseKey('db'), { key: 'db', name: 'db', entry: undefined })
  t.strictSame(parseKey('my.db-1/tls.crt'), { key: 'my.db-1/tls.crt', name: 'my.db-1', entry: 'tls.crt' })
  t.strictSame(parseKey('db/__proto__')?.entry, '__proto__')
  for (const key of [
    '',
    '/',
    'db/',
    '/entry',
    'DB',
    'db_1',
    '-db',
    'db-',
    'db..x',
    'db/a/b',
    'db/..',
    'db/.',
    'db/..data',
    'db/a b',
    'db/é',
    '../db',
    'db%2f..',
    'db?x',
    'a'.repeat(254),
    `db/${'a'.repeat(254)}`,
  ]) {
    t.equal(parseKey(key), undefined, `"${key.slice(0, 20)}" is none`)
  }
})

t.test('whatever a key is, its parts are names that lead nowhere else', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab-._/%2e') })), (key) => {
      const parsed = parseKey(key)
      if (parsed === undefined) return true
      const { name, entry } = parsed
      const isWhole = key === (entry === undefined ? name : `${name}/${entry}`)
      return isWhole && encodeURIComponent(name) === name && !`/${name}/`.includes('/../') && entry !== '..'
    }),
  )
})

t.test(
  'entries of one Secret come with one request, and the whole as JSON in the order of names',
  async (t) => {
    const fake = await startKubernetes(t)
    fake.store.put('app', 'db', {
      user: 'CANARY-u',
      password: 'CANARY-"p"\n',
      '10': 'CANARY-ten',
      '2': 'CANARY-two',
    })
    fake.store.put('app', 'other', { key: 'CANARY-o' })
    const provider = kubernetesProvider(t, { url: fake.url, watch: false })
    const keys = ['db/user', 'db', 'other/key', 'db/password', 'db/none']
    const result = await provider.fetch(keys, signal())
    t.same(fake.asked.toSorted(), ['get db', 'get other'])
    t.equal(text(result.get('db/user')), 'CANARY-u')
    t.equal(text(result.get('db/password')), 'CANARY-"p"\n')
    t.equal(text(result.get('other/key')), 'CANARY-o')
    t.equal(
      text(result.get('db')),
      '{"10":"CANARY-ten","2":"CANARY-two","password":"CANARY-\\"p\\"\\n","user":"CANARY-u"}',
    )
    t.match(result.get('db/none'), { kind: 'missing', reason: 'not-found', message: /no entry "none"/ })
    t.ok((provider.batchSize ?? 1) > 1, 'the heart gathers keys')
    leaksNothing(t, result)
  },
)

t.test('a Secret without data is an empty object', async (t) => {
  const fake = await startKubernetes(t)
  fake.store.put('app', 'empty', {})
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const result = await provider.fetch(['empty', 'empty/key'], signal())
  t.equal(text(result.get('empty')), '{}')
  t.match(result.get('empty/key'), { kind: 'missing' })
})

t.test('an entry called __proto__ is one like others', async (t) => {
  const fake = await startKubernetes(t)
  fake.misbehaviour = () =>
    answer(
      200,
      '{"kind":"Secret","metadata":{"name":"db","resourceVersion":"1"},"data":{"__proto__":"Q0FOQVJZLXg="}}',
    )
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const result = await provider.fetch(['db/__proto__', 'db', 'db/constructor'], signal())
  t.equal(text(result.get('db/__proto__')), 'CANARY-x')
  t.equal(text(result.get('db')), '{"__proto__":"CANARY-x"}')
  t.match(result.get('db/constructor'), { kind: 'missing' })
})

t.test('an entry that is no text has its bytes by its own key, and no place in the whole', async (t) => {
  const fake = await startKubernetes(t)
  fake.store.put('app', 'store', { 'key.p12': Buffer.from([0xff, 0xfe, 0]), pin: 'CANARY-pin' })
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const result = await provider.fetch(['store', 'store/key.p12', 'store/pin'], signal())
  t.same(bytes(result.get('store/key.p12')), Buffer.from([0xff, 0xfe, 0]))
  t.equal(text(result.get('store/pin')), 'CANARY-pin')
  const error = result.get('store')
  t.match(error, {
    kind: 'unavailable',
    reason: 'malformed',
    message: /entry "key.p12" is not UTF-8.*"store\/key.p12"/,
  })
  leaksNothing(t, error)
})

t.test('an entry that is no base64 takes no other one down', async (t) => {
  const fake = await startKubernetes(t)
  const data = '{"bad":"CANARY*","number":7,"good":"Q0FOQVJZLXg="}'
  fake.misbehaviour = () =>
    answer(200, `{"kind":"Secret","metadata":{"name":"db","resourceVersion":"1"},"data":${data}}`)
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const result = await provider.fetch(['db/bad', 'db/number', 'db/good'], signal())
  t.equal(text(result.get('db/good')), 'CANARY-x')
  for (const key of ['db/bad', 'db/number']) {
    t.match(result.get(key), { kind: 'unavailable', reason: 'malformed' })
    leaksNothing(t, result.get(key))
  }
})

t.test('another Secret than was asked for is not taken for it', async (t) => {
  const fake = await startKubernetes(t)
  for (const body of [
    '{"kind":"Secret","metadata":{"name":"other","resourceVersion":"1"},"data":{"key":"Q0FOQVJZ"}}',
    '{"kind":"ConfigMap","metadata":{"name":"db","resourceVersion":"1"},"data":{"key":"Q0FOQVJZ"}}',
    '{"kind":"Secret","metadata":{"name":"db","resourceVersion":"1"},"data":[]}',
    '{"kind":"Secret","data":{}}',
    '[]',
    '"CANARY"',
  ]) {
    fake.misbehaviour = () => answer(200, body)
    const provider = kubernetesProvider(t, { url: fake.url, watch: false })
    const error = (await provider.fetch(['db/key'], signal())).get('db/key')
    t.match(error, { kind: 'unavailable', reason: 'malformed' })
    leaksNothing(t, error)
  }
})

t.test('what stands about a Secret is no rotation: no version is told', async (t) => {
  const fake = await startKubernetes(t)
  fake.store.put('app', 'db', { key: 'CANARY-1' })
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  const before = (await provider.fetch(['db', 'db/key'], signal())).values().toArray()
  fake.store.label('app', 'db', { owner: 'somebody' })
  const after = (await provider.fetch(['db', 'db/key'], signal())).values().toArray()
  for (const entry of [...before, ...after]) {
    if (entry instanceof ProviderError || 'unchanged' in entry) t.fail('a value was to come')
    else t.equal(entry.version, undefined)
  }
  t.same(after.map(text), before.map(text))
})
