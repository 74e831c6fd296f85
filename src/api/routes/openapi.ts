import type { Access } from '../../access/access.ts'
import { parseQuery } from '../query.ts'
import { sendText } from '../respond.ts'
import type { Route } from './route.ts'

/**
 * `GET /openapi.json`. The document is made when it is first asked for: what makes it is loaded only then.
 *
 * @param routes all routes of the listener, this one too once it is among them
 * @param about what else the document depends on; a changed configuration may change it
 */
export function openApiRoute(
  routes: readonly Route[],
  about: () => { readonly version: string; readonly wants: Access['wants'] },
): Route {
  let document: Promise<string> | undefined
  let madeWith = about()
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
      const now = about()
      if (now.wants !== madeWith.wants) document = undefined
      madeWith = now
      document ??= import('../openapi/document.ts').then(({ renderDocument }) => renderDocument(routes, now))
      sendText(request, reply, 200, await document, 'application/json; charset=utf-8')
    },
  }
}
