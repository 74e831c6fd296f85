/**
 * The attack: path tricks. A caller that may know of some secrets spells the name of another one so that what checks the
 * allow-list reads another name than what looks the secret up.
 */
import t from 'tap'
import { answersIn, outcomeOf, requestText, speak } from '../support/raw-http.ts'
import { heads, isInside, limited, outside, requestsFor, tells, worldOf } from './support/limited.ts'

const around = (name: string): string[] => {
  const [first = '', ...rest] = name.split('/')
  const encoded = [...name].map((char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')
  return [
    name,
    encoded,
    encoded.toUpperCase(),
    encoded.replaceAll('%', '%25'),
    encoded.replaceAll('%', '%2525'),
    name.replaceAll('/', '%2F'),
    name.replaceAll('/', '%252F'),
    name.replaceAll('/', '%5C'),
    name.replaceAll('/', '\\'),
    // Overlong UTF-8 of "/" and ".", and what some decoders take for them.
    name.replaceAll('/', '%c0%af'),
    name.replaceAll('/', '%e0%80%af'),
    name.replaceAll('/', '%f0%80%80%af'),
    name.replaceAll('/', '%ef%bc%8f'),
    name.replaceAll('/', '%u002f'),
    `web/../${name}`,
    `web/cookie/../../${name}`,
    `web/%2e%2e/${name}`,
    `web/.%2E/${name}`,
    `web%2F..%2F${name}`,
    `web/%252e%252e/${name}`,
    `web/..%5c${name}`,
    `web\\..\\${name}`,
    `web/%c0%ae%c0%ae/${name}`,
    `web/..;/${name}`,
    `web/..%00/${name}`,
    `web/./../${name}`,
    `./${name}`,
    `/${name}`,
    `//${name}`,
    `%2F${name}`,
    `../secrets/${name}`,
    `web/../../secrets/${name}`,
    `web/*/../../${name}`,
    `${name}/`,
    `${name}//`,
    `${name}/.`,
    `${name}/web/..`,
    `${name}%00`,
    `${name}%00web/x`,
    `web/x%00${name}`,
    `${name};web/cookie`,
    `${name};name=public`,
    `${first};a=b${rest.length > 0 ? `/${rest.join('/')}` : ''}`,
    `${name}#web/cookie`,
    `${name}%23web/cookie`,
    `public#/../${name}`,
    `${name}?web/cookie`,
    `${name}%3Fweb/cookie`,
    `public?/../${name}`,
    `public?name=${name}`,
    `public?*=${name}`,
    `public%0d%0aX:%20${name}`,
    `${name}%20`,
    `%20${name}`,
    `${name}+`,
    `${name}%09`,
    `${name}%E2%80%8B`,
    `${name}.json`,
    name.toUpperCase(),
    `web/${'a'.repeat(4_000)}/../../${name}`,
    `${'a/../'.repeat(1_600)}${name}`,
    `${'%2e%2e%2f'.repeat(800)}${name}`,
    `hidden/${name}`,
    `shared/../${name}`,
    `shared/..%2f${name}`,
    `web/*`,
    '*',
    `*${name.slice(1)}`,
  ]
}

t.test('no known way to spell a path gets a caller what is outside its list', async (t) => {
  const world = await worldOf(t, limited)
  const free = await worldOf(t)
  let reached = 0
  for (const name of outside) {
    for (const spelled of around(name)) {
      for (const text of requestsFor(spelled)) {
        const heard = await speak(world.port, text)
        t.notOk(tells(heard) && !isInside(heard), text.slice(0, text.indexOf('\r\n')).slice(0, 120))
        t.ok(
          answersIn(heard).every(({ status }) => status < 500),
          'and nothing breaks',
        )
      }
      const [plain = ''] = requestsFor(spelled)
      if (tells(await speak(free.port, plain))) reached += 1
    }
  }
  t.ok(reached > outside.length * 4, `a caller without a list reaches them: ${reached} spellings`)
  t.strictSame([...world.errors, ...free.errors], [])
})

t.test('targets that are no plain path get nothing that is outside the list either', async (t) => {
  const world = await worldOf(t, limited)
  for (const target of [
    'http://localhost/v1/secrets/db-password',
    'http://localhost//v1/secrets/db-password',
    'HTTP://LOCALHOST/v1/secrets/db-password',
    'http://localhost?/v1/secrets/public/../db-password',
    'http://localhost/v1/secrets/public#@/v1/secrets/db-password',
    'http://localhost/v1/secrets/public\\..\\db-password',
    'http:///v1/secrets/db-password',
    'http:/v1/secrets/db-password',
    'https://localhost/v1/secrets/db-password',
    'file:///v1/secrets/db-password',
    'localhost:80/v1/secrets/db-password',
    '//localhost/v1/secrets/db-password',
    '///v1/secrets/db-password',
    '/v1//secrets/db-password',
    '//v1/secrets/db-password',
    '/./v1/secrets/db-password',
    '/v1/./secrets/db-password',
    '/v1/../v1/secrets/db-password',
    '/livez/../v1/secrets/db-password',
    '/livez/..%2fv1/secrets/db-password',
    '/livez;/v1/secrets/db-password',
    '/V1/SECRETS/db-password',
    '/v1/secrets',
    '/v1/secrets/',
    '/v1/secrets?prefix=db',
    '/v1/secrets?prefix=',
    '*',
    '?',
    'v1/secrets/db-password',
    '\\v1\\secrets\\db-password',
  ]) {
    for (const host of ['localhost', '127.0.0.1:7575']) {
      const heard = await speak(
        world.port,
        requestText([`GET ${target} HTTP/1.1`, `Host: ${host}`, 'X-Sidekeep-Request: true']),
      )
      t.notMatch(heard, /CANARY-outside|"name":"(?!public"|web\/)/, target)
    }
  }
  t.strictSame(world.errors, [])
})

t.test('health, which skips the door, leads nowhere else', async (t) => {
  const world = await worldOf(t)
  for (const path of [
    '/livez/../v1/secrets/db-password',
    '/livez%2f..%2fv1%2fsecrets%2fdb-password',
    '/readyz/%2e%2e/v1/secrets',
    '/livez//v1/secrets/db-password',
    '/livez?/v1/secrets/db-password',
    '/livez;/../v1/secrets/db-password',
    '/healthz/event-loop/../../metrics',
    '/LIVEZ/../openapi.json',
  ]) {
    const heard = await speak(world.port, requestText([`GET ${path} HTTP/1.1`, 'Host: localhost']))
    t.notMatch(heard, /CANARY-|db-password"|sidekeep_|openapi":/, path)
  }
})

t.test('a name of 8 KB is a name like any other, and said back in part at the most', async (t) => {
  const world = await worldOf(t, [...limited, 'long/*'])
  for (const name of ['a'.repeat(8_192), `long/${'a'.repeat(8_192)}`, `long/${'%61'.repeat(2_700)}`]) {
    const heard = await speak(world.port, requestText([`GET /v1/secrets/${name} HTTP/1.1`, ...heads]))
    const [answer] = answersIn(heard)
    t.match(answer === undefined ? '' : outcomeOf(answer), /^4(?:00|03|04|14) /, name.slice(0, 10))
  }
})
