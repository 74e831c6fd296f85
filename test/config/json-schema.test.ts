import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse as parseYaml } from 'yaml'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
import { parse, refused, smallest } from './helpers.ts'

const schema = configJsonSchema()
// That one of several keys is there is said beside the place where they are described.
const strictness = { strict: true, strictTypes: false, strictRequired: false }
const validate = new Ajv2020({ ...strictness, allErrors: true }).compile(schema)
const accepts = (text: string): boolean => validate(parseYaml(text))

const http = (options: string): string =>
  `providers: { p: { type: http, url: "https://a.test", ${options} } }`

t.test('it is JSON Schema of draft 2020-12 and holds no mark of ours', async (t) => {
  t.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  t.notMatch(JSON.stringify(schema), /"x-/)
})

t.test('every mapping with fixed keys is closed', async (t) => {
  const open: string[] = []
  const visit = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return
    if ('properties' in part && Reflect.get(part, 'additionalProperties') !== false) open.push(path)
    for (const [key, member] of Object.entries(part)) visit(member, `${path}/${key}`)
  }
  visit(schema satisfies JsonSchema, '')
  t.strictSame(open, [])
})

t.test('what the loader accepts, editors accept', async (t) => {
  const texts = [
    smallest,
    'log: {}',
    http('token: { env: T }, ca: { file: /a }, headers: { X-Api-Key: literal }, maxBody: 4096'),
    'api: { listen: "unix:/run/a.sock", hosts: [A.b, "[::1]"], socketMode: "0600" }\nops: { listen: "[::]:7576" }',
    'proxy: { listen: "0.0.0.0:80", upstream: "unix:/a", trustedProxies: [10.0.0.0/8], limits: [{ name: a, rate: 1/s, key: "header:X-A" }], exempt: ["/a*"] }',
    `${smallest}api: { callers: { web: { tokens: [{ env: T }, { file: /nowhere/t }], allow: ["a*", a], rights: [read], limit: 5/s } } }`,
    `${smallest}api: { listeners: [{ listen: "unix:/w.sock", allow: [a], mode: "0600", owner: 1000, group: app }] }\naudit: { stdout: true }`,
    `${smallest}  b: { fallback: [p, { provider: p, key: x }] }\n  c: { template: "{{ a }}", required: true }`,
    `${smallest}  "shared/*": { provider: p, key: "*", field: /a/b, refresh: 1m, required: true }`,
  ]
  for (const text of texts) {
    t.ok(await parse(text), text)
    t.ok(accepts(text), `${text} ${JSON.stringify(validate.errors)}`)
  }
})

t.test('what the loader refuses by its shape, editors refuse', async (t) => {
  const texts = [
    'api: { lisen: "127.0.0.1:1" }',
    'api: { listen: ":7575" }',
    'api: { listen: "localhost:7575" }',
    'api: { access: opn }',
    'api: { maxConnections: 0 }',
    'ops: {}',
    'log: { level: infos }',
    'cache: { maxBytes: 64Mi }',
    'cache: { missingTtl: 10 }',
    'providers: { p: { type: htp } }',
    'providers: { p: { type: http } }',
    'providers: { "a b": { type: env, prefix: A } }',
    'providers: { p: { type: env, prefix: A, path: /a } }',
    'providers: { p: { type: http, url: "https://u:CANARY-p@a.test" } }',
    http('token: { env: A, file: B }'),
    http('token: 3'),
    http('timeout: 5'),
    'api: { callers: { web: { tokens: [literal-token], allow: [a] } } }',
    'api: { callers: { web: { tokens: [{ env: T }] } } }',
    'api: { callers: { web: { tokens: [], allow: [a] } } }',
    'api: { callers: { web: { tokens: [{ env: T }], allow: [] } } }',
    'api: { callers: { web: { tokens: [{ env: T }], allow: [a], rights: [write] } } }',
    'api: { callers: { "a b": { tokens: [{ env: T }], allow: [a] } } }',
    'api: { listeners: [{ allow: [a] }] }',
    'api: { tls: { cert: /a } }',
    'audit: { onFailure: stop }',
    `${smallest}  ../a: { provider: p }`,
    `${smallest}  a*b*: { provider: p }`,
    `${smallest}  b: { key: x }`,
    `${smallest}  b: { provider: p, required: 1 }`,
    'proxy: { listen: "0.0.0.0:80", upstream: "http://a", limits: [{ name: a, rate: 5 }] }',
    'proxy: { listen: "0.0.0.0:80", upstream: "http://a", exempt: [a] }',
  ]
  for (const text of texts) {
    t.ok((await refused(text)).length > 0, text)
    t.notOk(accepts(text), text)
  }
})

t.test('the examples beside the options are ones that the schema accepts', async (t) => {
  const ajv = new Ajv2020({ strict: false })
  const visit = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return
    const examples: unknown = Reflect.get(part, 'examples')
    if (Array.isArray(examples)) {
      for (const example of examples) t.ok(ajv.validate(part, example), `${path}: ${JSON.stringify(example)}`)
    }
    for (const [key, member] of Object.entries(part)) visit(member, `${path}/${key}`)
  }
  visit(schema, '')
})
