import t, { type Test } from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import { parseTemplate } from '../../src/secrets/template/parse.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import { createWorld } from './support/world.ts'

/** `app` may know what is composed, and none of its parts; `person` may know all. */
async function createHidden(test: Test, values: Readonly<Record<string, string>>) {
  const access = new KnownCallers({ app: { allow: ['dsn', 'file'] }, person: {} })
  const composed = (template: string) => ({ provider: '', template: parseTemplate(template) })
  return await createWorld(test, {
    values,
    deps: { access },
    rules: {
      'hidden/user': { key: 'vault/of/user' },
      'hidden/pw': { key: 'vault/of/pw' },
      dsn: composed('{{ hidden/user }}:{{ hidden/pw | field x }}'),
      file: composed('url={{ dsn }}'),
    },
  })
}

const names = /hidden|vault|field x|"x"/
const inApp = { headers: as('app') }

t.test(
  'who may know what is composed and none of its parts hears nothing of a value that does not fit',
  async (t) => {
    const world = await createHidden(t, { 'vault/of/user': 'CANARY-u', 'vault/of/pw': 'CANARY-no-json' })
    for (const name of ['dsn', 'file']) {
      const answers = [
        await world.get(`/v1/secrets/${name}`, inApp),
        await world.post(`/v1/refresh/${name}`, inApp),
        await world.get(`/v1/explain/${name}`, inApp),
      ]
      t.strictSame(
        answers.map(({ status }) => status),
        [503, 502, 200],
        name,
      )
      for (const { text } of answers) t.notMatch(text, names)
      for (const { text } of answers.slice(0, 2)) t.match(text, /a part of it/)
      t.match(answers[2]?.json(), { parts: name === 'dsn' ? [] : [{ name: 'dsn' }] })
    }
    t.match((await world.get('/v1/explain/dsn', inApp)).json(), { lastError: { message: /a part of it/ } })
    t.match((await world.get('/v1/explain/dsn', { headers: as('person') })).json(), {
      lastError: { message: /the value of "hidden\/pw" is no JSON with a field "x"/ },
    })
    const all = await world.post('/v1/refresh', inApp)
    t.equal(all.status, 200)
    t.notMatch(all.text, names)
  },
)

for (const [kind, reason, status] of [
  ['denied', 'denied', 502],
  ['unavailable', 'timeout', 504],
  ['throttled', 'throttled', 503],
] as const) {
  t.test(`nor of a call for a part that failed: ${kind}`, async (t) => {
    const world = await createHidden(t, {
      'vault/of/user': 'CANARY-u',
      'vault/of/pw': '{"x":"CANARY-p"}',
    })
    const { headers } = await world.get('/v1/secrets/dsn', inApp)
    world.provider.failure = new ProviderError(kind, reason, 'memory: "vault/of/pw" of the team hidden', {
      retryAfterMs: 5_000,
    })
    await world.clock.advance(10_000)
    for (let i = 0; i < 2; i++) {
      const answer = await world.post('/v1/refresh/dsn', inApp)
      t.equal(answer.status, status, kind)
      t.notMatch(answer.text, names)
      t.match(answer.text, /a part of it could not be fetched/)
    }
    const version = String(headers['sidekeep-version'])
    const report = {
      headers: { ...as('app'), 'Content-Type': 'application/json' },
      body: JSON.stringify({ version }),
    }
    const rejected = world.post('/v1/rejected/dsn', report)
    for (let i = 0; i < 50; i++) await world.clock.advance(100)
    t.notMatch((await rejected).text, names)
    t.match((await rejected).text, /a part of it could not be fetched/)
    t.notMatch((await world.post('/v1/refresh', inApp)).text, names)
  })
}

t.test('nor of a part that is not loaded yet', async (t) => {
  const world = await createHidden(t, {})
  world.provider.failure = new ProviderError(
    'unavailable',
    'refused',
    'memory: "vault/of/pw" of the team hidden',
  )
  for (const name of ['dsn', 'file']) t.notMatch((await world.get(`/v1/secrets/${name}`, inApp)).text, names)
})
