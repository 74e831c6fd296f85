/**
 * Prototype pollution: names such as `__proto__` and `constructor` in whatever is parsed, so that an assignment by name
 * reaches the prototype that all objects share, or a lookup by name finds what nobody wrote. The attackers are a backend
 * that lists such names, a caller who asks for them, and whoever may write a part of the configuration.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, type Loaded, parseConfig } from '../../src/config/load.ts'
import { redactConfig } from '../../src/config/redacted.ts'
import { createLog } from '../../src/observability/log.ts'
import { changesBetween } from '../../src/reload/changes.ts'
import { Sidecar } from '../../src/sidecar.ts'
import { answer, startBackend } from '../support/backend.ts'
import { canaryGuard } from '../support/canary.ts'
import { ask } from '../support/e2e-http.ts'
import { folderOf } from '../support/process-sidecar.ts'
import fc from '../support/property.ts'

/** Names that objects inherit. */
const inherited = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf']
const delicate = ['__proto__', '__defineGetter__', '__lookupSetter__', 'prototype', ...inherited]

/** What all objects share, as it was before anything was parsed. */
const untouched = {
  object: Reflect.ownKeys(Object.prototype),
  array: Reflect.ownKeys(Array.prototype),
  function: Reflect.ownKeys(Function.prototype),
}

function holdsPrototypes(t: Test): void {
  t.strictSame(
    {
      object: Reflect.ownKeys(Object.prototype),
      array: Reflect.ownKeys(Array.prototype),
      function: Reflect.ownKeys(Function.prototype),
    },
    untouched,
    'what all objects share is as it was',
  )
  t.notOk(Reflect.has({}, 'polluted'))
}

async function load(text: string, env: NodeJS.ProcessEnv = {}): Promise<Loaded | ConfigError> {
  try {
    return await parseConfig(text, { file: 'sidekeep.yaml', env })
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

const token = 'CANARY-caller-token-0123456789abcdef'
const caller = { tokens: [{ env: 'T' }], allow: ['*'] }

t.test('__proto__ is no key of a configuration, in YAML as in JSON, at whatever depth', async (t) => {
  const polluting = '{ polluted: yes, listen: "0.0.0.0:1", access: open }'
  const texts = [
    `__proto__: ${polluting}`,
    `api: { __proto__: ${polluting} }`,
    `api: { callers: { __proto__: ${polluting} } }`,
    `api: { callers: { web: { __proto__: ${polluting}, tokens: [{ env: T }], allow: [a] } } }`,
    `api: { callers: { web: { tokens: [{ __proto__: { env: T } }], allow: [a] } } }`,
    `api: { listeners: [{ __proto__: ${polluting} }] }`,
    `providers: { __proto__: ${polluting} }`,
    `providers: { p: { type: http, url: "https://a.test", headers: { __proto__: ${polluting} } } }`,
    `secrets: { __proto__: ${polluting} }`,
    `"\\u005f_proto__": ${polluting}`,
    `? !!str __proto__\n: ${polluting}`,
    `x: &a __proto__\n*a : ${polluting}`,
    '{"api":{"__proto__":{"polluted":"yes"}}}',
  ]
  for (const text of texts) {
    const refused = await load(text, { T: token })
    t.ok(refused instanceof ConfigError, text)
  }
  holdsPrototypes(t)
})

t.test('__proto__ in a merge key or an alias changes nothing', async (t) => {
  for (const text of [
    'a: &a { __proto__: { polluted: yes } }\n<<: *a',
    'log: &a { level: info }\n__proto__: *a',
    'log: { <<: { __proto__: { level: debug } } }',
  ]) {
    t.ok((await load(text)) instanceof ConfigError, text)
  }
  holdsPrototypes(t)
})

t.test('inherited names are names like any other, of callers, providers and secrets', async (t) => {
  for (const name of inherited) {
    const config = {
      api: { callers: { [name]: caller }, listeners: [{ listen: 'unix:/run/a.sock', allow: [name] }] },
      providers: { [name]: { type: 'env', prefix: 'APP_' } },
      secrets: { [name]: { provider: name } },
    }
    const loaded = await load(JSON.stringify(config), { T: token })
    if (loaded instanceof ConfigError) throw loaded
    t.strictSame(loaded.warnings, [], name)
    t.strictSame(Object.keys(loaded.config.api.callers ?? {}), [name])
    t.strictSame(Object.keys(loaded.config.secrets), [name])
    t.match(redactConfig(loaded.config), config)
    const { api, ...without } = config
    const before = await load(JSON.stringify({ ...without, secrets: {} }))
    if (before instanceof ConfigError) throw before
    t.match(changesBetween(before.config, loaded.config), {
      secrets: { added: [name] },
      options: ['api.callers', 'api.listeners'],
    })
  }
  holdsPrototypes(t)
})

t.test('a name that nobody wrote is not found among what objects inherit', async (t) => {
  for (const name of inherited) {
    const refused = await load(
      `providers: { p: { type: env, prefix: A } }\nsecrets: { a: { provider: "${name}" } }`,
    )
    t.match(refused, { problems: [{ path: ['secrets', 'a', 'provider'] }] }, name)
    const unset = await load(
      JSON.stringify({ api: { callers: { web: { tokens: [{ env: name }], allow: ['*'] } } } }),
    )
    t.match(unset, { warnings: [`variable ${name}, which is not set`] }, 'nor among variables')
  }
})

t.test('whatever keys a configuration has, no prototype changes', async (t) => {
  const key = fc.oneof(
    fc.constantFrom(...delicate, 'api', 'callers', 'web', 'secrets', 'providers', 'log'),
    fc.string(),
  )
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom('x', 1, true, null),
      fc.array(tie('node'), { maxLength: 2 }),
      // Entries, since an object of JavaScript could not hold __proto__ without help.
      fc.array(fc.tuple(key, tie('node')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    ),
  })).node
  await fc.assert(
    fc.asyncProperty(tree, async (value) => {
      await load(JSON.stringify(value) ?? '')
      return Reflect.ownKeys(Object.prototype).length === untouched.object.length
    }),
    { numRuns: 200 },
  )
  holdsPrototypes(t)
})

/** A sidecar over a backend and a file with delicate names; everything that they list is served. */
async function startSidecar(t: Test): Promise<string> {
  const guard = canaryGuard(t)
  const backend = await startBackend(t)
  const members = delicate.map((name) => `${JSON.stringify(name)}:"CANARY-member-${name}"`).join(',')
  const items = delicate.map((name) => `{"name":${JSON.stringify(name)},"value":"CANARY-${name}"}`)
  items.push(`{"name":"json","value":{${members},"polluted":{"__proto__":{"polluted":"CANARY-deep"}}}}`)
  items.push('{"name":"hidden","__proto__":{"value":"CANARY-inherited"},"value":"CANARY-own"}')
  backend.handler = answer(200, `[${items.join(',')}]`)
  const path = join(folderOf(t), 'secrets.yaml')
  writeFileSync(path, delicate.map((name) => `"${name}": CANARY-file-${name}\n`).join(''))
  const text = JSON.stringify({
    api: { listen: '127.0.0.1:0' },
    providers: { http: { type: 'http', url: backend.url }, file: { type: 'file', path } },
    secrets: {
      'file/*': { provider: 'file', key: '*', required: true },
      '*': { provider: 'http', required: true },
    },
  })
  const loaded = await load(text)
  if (loaded instanceof ConfigError) throw loaded
  const log = await createLog({ level: 'debug', format: 'json', destination: guard.sink('the log') })
  const sidecar = await Sidecar.create({ config: loaded.config, log, version: '0' })
  t.teardown(() => sidecar.stop())
  const { api } = await sidecar.start()
  await sidecar.ready
  return api
}

t.test('secrets of a backend may have such names, and reach nothing by them', async (t) => {
  const api = await startSidecar(t)
  for (const name of delicate) {
    const { status, text } = await ask(api, `/v1/secrets/${name}?format=raw`)
    t.match({ status, text }, { status: 200, text: `CANARY-${name}` })
    t.equal((await ask(api, `/v1/secrets/file/${name}?format=raw`)).text, `CANARY-file-${name}`)
    t.match((await ask(api, `/v1/explain/${name}`)).json(), { name, state: 'fresh' })
  }
  t.equal((await ask(api, '/v1/secrets/hidden?format=raw')).text, 'CANARY-own')
  const { secrets } = (await ask(api, '/v1/secrets')).json() as { secrets: { name: string }[] }
  const listed = secrets.map(({ name }) => name)
  for (const name of delicate) t.ok(listed.includes(name), name)
  holdsPrototypes(t)
})

t.test('a field is found only where the value itself has it', async (t) => {
  const api = await startSidecar(t)
  for (const name of delicate) {
    const of = async (secret: string, field: string): Promise<number> =>
      (await ask(api, `/v1/secrets/${secret}?format=raw&field=${encodeURIComponent(field)}`)).status
    t.equal(await of('json', name), 200, name)
    t.equal(await of('json', `/${name}`), 200)
    t.equal(await of('json', `/polluted/${name}`), name === '__proto__' ? 200 : 404)
    t.equal(await of('json', `/polluted/__proto__/${name}`), 404)
    t.equal(await of('json', `/${name}/${name}`), 404)
    t.equal(await of('hidden', name), 404)
  }
  holdsPrototypes(t)
})

t.test('parameters and bodies with such names are refused', async (t) => {
  const api = await startSidecar(t)
  for (const name of delicate) {
    t.equal((await ask(api, `/v1/secrets/json?${name}=x`)).status, 400, name)
    t.equal((await ask(api, `/v1/secrets/json?${name}[polluted]=x`)).status, 400)
    t.equal((await ask(api, `/v1/secrets/json/${name}`)).status, 404)
    t.equal((await ask(api, `/readyz/${name}`)).status, 404)
    t.equal((await ask(api, `/readyz?exclude=${name}`)).status, 200)
  }
  const bodies = [
    '{"__proto__":{"version":"1"}}',
    '{"version":"1","__proto__":{"polluted":"yes"}}',
    '{"version":"1","constructor":{"prototype":{"polluted":"yes"}}}',
    '{"version":{"__proto__":"1"}}',
    '{"__proto__":[],"version":"1"}',
  ]
  const { port } = new URL(api)
  for (const body of bodies) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/rejected/json`, {
      method: 'POST',
      headers: { 'x-sidekeep-request': 'true', 'content-type': 'application/json' },
      body,
    })
    await answer.body?.cancel()
    t.equal(answer.status, 400, body)
  }
  holdsPrototypes(t)
})
