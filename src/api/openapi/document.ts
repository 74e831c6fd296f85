import swagger from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import Fastify from 'fastify'
import type { Access } from '../../access/access.ts'
import type { ErrorCode } from '../../errors.ts'
import { errorTable } from '../../errors.ts'
import type { Route } from '../routes/route.ts'
import type { Answer } from './operations.ts'
import { operations } from './operations.ts'
import { byStatus, examplesOf, headersFor, problemsOf } from './problems.ts'
import { namedSchemas, problemJson, refTo } from './schemas.ts'
import { security, securitySchemes } from './security.ts'

export interface About {
  readonly version: string
  /** What the listener wants of its callers. */
  readonly wants: Access['wants']
}

/** The OpenAPI 3.1 document of these routes. A Fastify instance is made for it, asked once, and never listens. */
export async function renderDocument(routes: readonly Route[], about: About): Promise<string> {
  const app = Fastify({ logger: false, exposeHeadRoutes: false })
  // The schemas are to be read, not to be compiled.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sidekeep',
        description: `Secrets on localhost. Every GET route answers HEAD as well; another method is answered 405 \`SIDEKEEP_METHOD_NOT_ALLOWED\`, another path 404 \`SIDEKEEP_ROUTE_NOT_FOUND\`. Errors are problem documents (RFC 9457).`,
        version: about.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: 'http://127.0.0.1:7575', description: 'The default of api.listen' }],
      tags: [{ name: 'secrets' }, { name: 'health' }, { name: 'meta' }],
      components: securitySchemes(about.wants),
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, place) => String(schema.$id ?? `def-${place}`),
    },
    convertConstToEnum: false,
  })
  for (const schema of namedSchemas) app.addSchema(schema)
  for (const [place, route] of routes.entries()) {
    app.route({
      method: route.method,
      // OpenAPI's templates are none for Fastify's router, which need not route here.
      url: `/${place}`,
      config: { swaggerTransform: ({ schema }: { schema: FastifySchema }) => ({ schema, url: route.path }) },
      schema: schemaOf(route, about),
      handler: (_request, reply) => reply.code(404).send(),
    })
  }
  await app.ready()
  const document = JSON.stringify(app.swagger())
  await app.close()
  return document
}

function schemaOf(route: Route, about: About): FastifySchema {
  const operation = operations[route.id]
  const headers = Object.entries(operation.headers ?? {})
  return {
    operationId: route.id,
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    tags: [operation.tag],
    ...(route.skipsDoor ? {} : security(about.wants)),
    ...(operation.path === undefined ? {} : { params: objectOf(pathParameters(operation.path), true) }),
    ...(Object.keys(route.query).length === 0 ? {} : { querystring: objectOf(route.query, false) }),
    ...(headers.length === 0
      ? {}
      : {
          headers: objectOf(
            Object.fromEntries(headers.map(([name, description]) => [name, { type: 'string', description }])),
            false,
          ),
        }),
    ...(operation.body === undefined
      ? {}
      : { body: { ...operation.body.schema, examples: [operation.body.example] } }),
    response: responses(operation.answers, problemsOf(route, about.wants)),
  }
}

function pathParameters(
  parameters: NonNullable<(typeof operations)['getSecret']['path']>,
): Record<string, object> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { description, example }]) => [
      name,
      { type: 'string', description, examples: [example] },
    ]),
  )
}

function objectOf(properties: Readonly<Record<string, object>>, required: boolean): object {
  return { type: 'object', properties, ...(required ? { required: Object.keys(properties) } : {}) }
}

function responses(
  answers: Readonly<Record<number, Answer>>,
  problems: ReadonlySet<ErrorCode>,
): Record<string, object> {
  const made: Record<string, { description: string; headers?: object; content?: Record<string, object> }> = {}
  for (const [status, { description, headers, content }] of Object.entries(answers)) {
    made[status] = {
      description,
      ...(headers === undefined ? {} : { headers: headersOf(headers) }),
      // Fastify's way to say that there is no body.
      ...(content === undefined ? { type: 'null' } : { content: { ...content } }),
    }
  }
  for (const [status, codes] of byStatus(problems)) {
    const said = codes.map((code) => `\`${code}\`: ${errorTable[code].title}.`).join(' ')
    const before = made[status]
    const headers = headersFor(status, codes)
    made[status] = {
      ...before,
      description: before === undefined ? said : `${before.description} ${said}`,
      content: {
        ...before?.content,
        [problemJson]: { schema: refTo('Problem'), examples: examplesOf(codes) },
      },
      ...(Object.keys(headers).length === 0 ? {} : { headers: headersOf(headers) }),
    }
  }
  return made
}

function headersOf(headers: Readonly<Record<string, string>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }]),
  )
}
