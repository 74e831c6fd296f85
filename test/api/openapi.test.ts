import t from 'tap'
import { callerWith } from '../../src/access/settings.ts'
import { operations } from '../../src/api/openapi/operations.ts'
import { apiRoutes } from '../../src/api/server.ts'
import { errorTable } from '../../src/errors.ts'
import { request } from './support/client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

interface Media {
  schema?: { $ref?: string }
  examples?: Record<string, { value: { code: string; status: number } }>
}
interface Operation {
  requestBody?: { content: Record<string, { schema?: { $ref?: string } }> }
  operationId: string
  summary: string
  security?: object[]
  parameters?: { name: string; in: string; required: boolean; description?: string }[]
  responses: Record<string, { description: string; content?: Record<string, Media>; headers?: object }>
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes?: Record<string, object> }
}

async function documentOf(world: World, caller: Record<string, string> = {}): Promise<Document> {
  const { text, status, headers } = await world.get('/openapi.json', { headers: caller })
  if (status !== 200) throw new Error(`status ${status}`)
  if (!headers['content-type']?.startsWith('application/json')) throw new Error('no JSON')
  return JSON.parse(text) as Document
}

function routesOf(world: World) {
  return apiRoutes(world.deps)
}

t.test('the document has every route and nothing else', async (t) => {
  const world = await createWorld(t)
  const { openapi, info, paths } = await documentOf(world)
  t.equal(openapi, '3.1.0')
  t.strictSame([info.title, info.version], ['Sidekeep', '0.0.0-test'])
  const described = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
  )
  const routes = routesOf(world).map(({ id, method, path }) => `${method} ${path} ${id}`)
  t.strictSame(described.sort(), routes.sort())
  t.equal(
    new Set(described.map((line) => line.split(' ')[2])).size,
    described.length,
    'operation ids are unique',
  )
  t.strictSame(Object.keys(operations).sort(), described.map((line) => String(line.split(' ')[2])).sort())
})

t.test('every path answers as the document says it would', async (t) => {
  const rights = ['read', 'list', 'refresh', 'watch', 'control'] as const
  const anyone = callerWith(undefined, 'test', { rights, allow: undefined, limit: undefined })
  const access = { wants: 'header', identify: () => undefined, anyone } as const
  const world = await createWorld(t, { deps: { access } })
  const { paths } = await documentOf(world)
  for (const [template, item] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(item)) {
      const path = template
        .replace('{name}', 'db-password')
        .replace('{check}', template.startsWith('/readyz') ? 'listeners' : 'event-loop')
        .replace('/startupz/event-loop', '/startupz/required-secrets-loaded')
      // A stream of events has no end: its headers say as much.
      const isStream = responses['200']?.content?.['text/event-stream'] !== undefined
      const json = { headers: { 'Content-Type': 'application/json' }, body: '{"version":"1"}' }
      const { status, headers } = await (method === 'post'
        ? world.post(path, json)
        : request(world.port, isStream ? 'HEAD' : 'GET', path, { headers: { 'X-Sidekeep-Request': 'true' } }))
      const expected = responses['202'] === undefined ? 200 : 202
      t.equal(status, expected, path)
      const type = String(headers['content-type']).split(';')[0] ?? ''
      t.ok(responses[expected]?.content?.[type], `${method} ${template} documents ${type}`)
    }
  }
})

t.test('each problem stands under the status of its code, with an example', async (t) => {
  const world = await createWorld(t)
  const { paths } = await documentOf(world)
  const routes = new Map(routesOf(world).map((route) => [route.id as string, route]))
  for (const item of Object.values(paths)) {
    for (const { operationId, responses } of Object.values(item)) {
      const documented = new Set<string>()
      for (const [status, { description, content }] of Object.entries(responses)) {
        t.ok(description, `${operationId} ${status}`)
        for (const [code, { value }] of Object.entries(
          content?.['application/problem+json']?.examples ?? {},
        )) {
          t.equal(String(value.status), status)
          t.equal(value.code, code)
          documented.add(code)
        }
      }
      for (const code of routes.get(operationId)?.problems ?? [])
        t.ok(documented.has(code), `${operationId} ${code}`)
      t.equal(documented.has('SIDEKEEP_HOST_NOT_ALLOWED'), !routes.get(operationId)?.skipsDoor, operationId)
    }
  }
  for (const code of Object.keys(errorTable)) t.match(code, /^SIDEKEEP_[A-Z_]+$/)
})

t.test('an answer that tells when to ask again is described with its Retry-After', async (t) => {
  const world = await createWorld(t)
  const { paths } = await documentOf(world)
  const telling = Object.values(paths).flatMap((item) =>
    Object.values(item).flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, { headers = {} }]) =>
        Object.hasOwn(headers, 'Retry-After') ? [`${operationId} ${status}`] : [],
      ),
    ),
  )
  t.ok(telling.includes('watchEvents 503'))
  for (const operation of ['getSecret', 'refreshSecret', 'refreshSecrets', 'rejectSecret']) {
    t.ok(telling.includes(`${operation} 429`), `${operation} 429`)
    t.ok(telling.includes(`${operation} 503`), `${operation} 503`)
  }
})

t.test('parameters, references and the header of the door are described', async (t) => {
  const world = await createWorld(t)
  const document = await documentOf(world)
  const getSecret = document.paths['/v1/secrets/{name}']?.get
  t.match(
    getSecret?.parameters?.map(({ name, in: place, required }) => `${place} ${name} ${required}`).sort(),
    [
      'header If-None-Match false',
      'header Prefer false',
      'path name true',
      'query field false',
      'query format false',
      'query refresh false',
      'query wait false',
    ],
  )
  t.match(getSecret?.parameters?.find(({ name }) => name === 'name')?.description, /slashes/)
  t.strictSame(getSecret?.security, [{ requestHeader: [] }])
  t.match(document.components.securitySchemes, {
    requestHeader: { type: 'apiKey', in: 'header', name: 'X-Sidekeep-Request' },
  })
  t.notOk(document.paths['/readyz']?.get?.security)
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []
  t.ok(references.length > 0)
  for (const reference of new Set(references)) {
    const name = /#\/components\/schemas\/(\w+)/.exec(reference)?.[1] ?? ''
    t.ok(document.components.schemas[name], reference)
  }
})

t.test('a route that takes a body describes it, and no other has one', async (t) => {
  const world = await createWorld(t)
  const { paths } = await documentOf(world)
  const bodies = Object.entries(paths).flatMap(([path, item]) =>
    Object.values(item).flatMap(({ requestBody }) =>
      requestBody === undefined ? [] : [[path, requestBody] as const],
    ),
  )
  t.strictSame(
    bodies.map(([path]) => path),
    ['/v1/rejected/{name}'],
  )
  t.match(bodies[0]?.[1].content['application/json']?.schema?.$ref, /Rejection$/)
})

t.test('with open access no header is asked for', async (t) => {
  const world = await createWorld(t, { config: { access: 'open' } })
  const document = await documentOf(world)
  t.notOk(document.components.securitySchemes)
  t.notOk(document.paths['/v1/secrets']?.get?.security)
  t.notMatch(JSON.stringify(document.paths), 'SIDEKEEP_HEADER_REQUIRED')
  t.notMatch(JSON.stringify(document.paths), 'SIDEKEEP_TOKEN')
})

t.test('a listener with callers describes its tokens, and what is answered to who has none', async (t) => {
  const world = await createWorld(t, { deps: { access: new KnownCallers({ web: {} }) } })
  const document = await documentOf(world, as('web'))
  t.match(document.components.securitySchemes, {
    bearer: { type: 'http', scheme: 'bearer' },
    tokenHeader: { type: 'apiKey', in: 'header', name: 'X-Sidekeep-Token' },
  })
  t.equal(Object.keys(document.components.securitySchemes ?? {}).length, 2)
  for (const { skipsDoor, path, method, right, action, id } of routesOf(world)) {
    const operation = document.paths[path]?.[method.toLowerCase()]
    t.strictSame(operation?.security, skipsDoor ? undefined : [{ bearer: [] }, { tokenHeader: [] }], id)
    const codes = (status: number) =>
      Object.keys(operation?.responses[status]?.content?.['application/problem+json']?.examples ?? {})
    const notLetIn = skipsDoor ? [] : ['SIDEKEEP_TOKEN_REQUIRED', 'SIDEKEEP_TOKEN_INVALID']
    t.strictSame(codes(401), notLetIn, id)
    t.strictSame(
      codes(403),
      [
        ...(skipsDoor ? [] : ['SIDEKEEP_CROSS_SITE_REQUEST']),
        ...(right === undefined ? [] : ['SIDEKEEP_NOT_ALLOWED']),
      ],
      id,
    )
    t.strictSame(codes(429), skipsDoor ? [] : ['SIDEKEEP_RATE_LIMITED'], id)
    t.equal(codes(503).includes('SIDEKEEP_AUDIT_FAILED'), action !== undefined, id)
    const said = Object.keys(operation?.responses[401]?.headers ?? {})
    t.strictSame(said, skipsDoor ? [] : ['WWW-Authenticate'], id)
  }
})
