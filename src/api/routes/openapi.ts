import { parseQuery } from '../query.ts'
import { sendText } from '../respond.ts'
import type { Route } from './route.ts'

/**
 * `GET /openapi.json`. The document is made when it is first asked for: what makes it is loaded only then.
 *
 * @param routes all routes of the listener, this one too once it is among them
 */
export function openApiRoute(
  routes: readonly Route[],
  about: { version: string; needsHeader: boolean },
): Route {
  let document: Promise<string> | undefined
  return {
    id: 'getOpenApi',
    method: 'GET',
    url: '/openapi.json',
    path: '/openapi.json',
    skipsDoor: false,
    query: {},
    problems: ['SIDEKEEP_BAD_REQUEST'],
    async handle(request, reply) {
      parseQuery({}, request.query)
      document ??= import('../openapi/document.ts').then(({ renderDocument }) =>
        renderDocument(routes, about),
      )
      sendText(request, reply, 200, await document, 'application/json; charset=utf-8')
    },
  }
}
