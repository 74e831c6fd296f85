/**
 * The attack: DNS rebinding. The name of a page is made to resolve to 127.0.0.1 once the page is loaded; to the browser,
 * what answers there is of the page's own origin, and the page may read it and set any header. Only Host tells.
 */

import t from 'tap'
import { createWorld } from '../api/support/world.ts'
import fc from '../support/property.ts'
import { outcomes, requestText, speak } from '../support/raw-http.ts'

const misdirected = ['421 SIDEKEEP_HOST_NOT_ALLOWED']

/** What a page of `http://{host}` has its browser send to its own origin. */
const fromPage = (host: string, line: string): string =>
  requestText([
    `${line} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: close',
    'X-Sidekeep-Request: true',
    'Authorization: Bearer CANARY-guess',
    ...(line.startsWith('POST') ? [`Origin: http://${host}`, 'Content-Length: 0'] : []),
    `Referer: http://${host}/`,
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Mode: cors',
    'Sec-Fetch-Dest: empty',
  ])

t.test('a page whose name was rebound to loopback reads nothing and changes nothing', async (t) => {
  const world = await createWorld(t, { config: { access: 'open', hosts: ['secrets.internal'] } })
  const { calls } = world.provider
  await world.clock.advance(5_000)
  for (const host of [
    'rebind.example:7575',
    'rebind.example',
    '7f000001.c0a80001.rbndr.example:7575',
    // Names of the attacker's that look as though they were ours.
    '127.0.0.1.rebind.example:7575',
    'localhost.rebind.example',
    'secrets.internal.rebind.example',
    'rebind.secrets.internal',
    'xsecrets.internal',
    'localhost.localdomain',
    'ip6-localhost',
    // Addresses that lead to this machine, and are no loopback to a name's owner.
    '0.0.0.0:7575',
    '[::]:7575',
    '[::ffff:127.0.0.1]:7575',
    '0x7f.1:7575',
    '2130706433',
    '017700000001',
    '127.1',
    '169.254.169.254',
    '10.0.0.7',
  ]) {
    for (const line of [
      'GET /v1/secrets/db-password',
      'GET /v1/secrets',
      'GET /v1/events',
      'GET /metrics',
      'GET /openapi.json',
      'GET /v1/explain/db-password',
      'POST /v1/refresh',
      'POST /v1/refresh/db-password',
    ]) {
      const told = await outcomes(world.port, fromPage(host, line))
      t.strictSame(told, misdirected, `${line} for ${host}`)
    }
  }
  t.equal(world.provider.calls, calls, 'no backend was asked')
  t.strictSame(world.errors, [])
})

t.test('the same page reads nothing by naming loopback in a target in absolute form', async (t) => {
  const world = await createWorld(t, { config: { access: 'open' } })
  for (const line of [
    'GET http://127.0.0.1:7575/v1/secrets/db-password',
    'GET http://rebind.example/v1/secrets/db-password',
    'GET http://127.0.0.1@rebind.example/v1/secrets/db-password',
    'GET //127.0.0.1/v1/secrets/db-password',
  ]) {
    t.strictSame(await outcomes(world.port, fromPage('rebind.example', line)), misdirected, line)
  }
})

t.test('health answers the page, and says nothing to it', async (t) => {
  const world = await createWorld(t)
  for (const path of ['/livez', '/readyz?verbose', '/healthz', '/startupz?verbose']) {
    const heard = await speak(world.port, fromPage('rebind.example', `GET ${path}`))
    t.match(heard, /^HTTP\/1\.1 200 /, path)
    t.notMatch(heard, /db-password|CANARY-/, path)
  }
})

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/)
const ending = fc.constantFrom('example', 'com', 'internal', 'localhost.example', 'local')
const allowed = new Set(['secrets.internal'])

t.test(
  'no name but loopback and the configured ones is let in, whatever it begins or ends with',
  async (t) => {
    const world = await createWorld(t, { config: { access: 'open', hosts: [...allowed] } })
    const property = fc.asyncProperty(
      fc.array(fc.oneof(label, fc.constantFrom('localhost', '127.0.0.1', 'secrets', '1')), { maxLength: 4 }),
      ending,
      fc.constantFrom('', ':80', ':7575', '.', '.:7575'),
      async (labels, last, port) => {
        const name = [...labels, last].join('.')
        if (allowed.has(name)) return true
        const told = await outcomes(world.port, fromPage(name + port, 'GET /v1/secrets/db-password'))
        return told.join() === misdirected.join()
      },
    )
    await fc.assert(property, { numRuns: 300 })
  },
)
