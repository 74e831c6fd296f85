/** A caller that may know of some secrets only, and what it would get to see of others. */
import type { Access } from '../../../src/access/access.ts'
import { Caller } from '../../../src/access/caller.ts'
import { anyOf } from '../../../src/secrets/glob.ts'
import type { World } from '../../api/support/world.ts'
import { createWorld } from '../../api/support/world.ts'
import { requestText } from '../../support/raw-http.ts'

const values = {
  public: 'CANARY-inside-1',
  'web/cookie': 'CANARY-inside-2',
  'db-password': 'CANARY-outside-1',
  'admin/root': 'CANARY-outside-2',
  web: 'CANARY-outside-3',
  'webhook/key': 'CANARY-outside-4',
  'public/private': 'CANARY-outside-5',
}
/** Patterns find what is not declared: names below them are looked up at the provider as they were decoded. */
const rules = { 'shared/*': { key: 'web/*' }, 'hidden/*': { key: '*' } }
export const outside = [
  'db-password',
  'admin/root',
  'web',
  'webhook/key',
  'public/private',
  'hidden/db-password',
]

export function accessOf(allow: readonly string[] | undefined): Access {
  const anyone = new Caller({
    name: undefined,
    listener: 'test',
    rights: ['read', 'list', 'refresh', 'watch'],
    allows: allow === undefined ? undefined : anyOf(allow),
    limit: undefined,
  })
  return { wants: 'header', identify: () => undefined, anyone }
}

/** A world whose caller may know of what `allow` says; without it, of everything. */
export const worldOf = async (
  t: { teardown(fn: () => unknown): void },
  allow?: readonly string[],
): Promise<World> => await createWorld(t, { values, rules, deps: { access: accessOf(allow) } })

export const limited = ['web/*', 'public']
export const heads = ['Host: localhost', 'X-Sidekeep-Request: true']
const post = [...heads, 'Content-Type: application/json']
const rejection = '{"version":"1"}'

/** A request for each route that names a secret, with the name spelled as it is given. */
export function requestsFor(spelled: string): string[] {
  return [
    requestText([`GET /v1/secrets/${spelled} HTTP/1.1`, ...heads]),
    requestText([`GET /v1/secrets/${spelled}?format=raw HTTP/1.1`, ...heads]),
    requestText([`GET /v1/secrets/${spelled}?refresh=true HTTP/1.1`, ...heads]),
    requestText([`GET /v1/explain/${spelled} HTTP/1.1`, ...heads]),
    requestText([`POST /v1/refresh/${spelled} HTTP/1.1`, ...heads, 'Content-Length: 0']),
    requestText(
      [`POST /v1/rejected/${spelled} HTTP/1.1`, ...post, `Content-Length: ${rejection.length}`],
      rejection,
    ),
  ]
}

/** What would be known of a secret outside the list: its value, or what the provider or a rule calls it. */
export const tells = (heard: string): boolean => /CANARY-outside|"provider"|"ageSeconds"/.test(heard)

/** What is said of the caller's own secrets, which some spellings come out at. */
export function isInside(heard: string): boolean {
  return !heard.includes('CANARY-outside') && /"name":"(?:public"|web\/)/.test(heard)
}
