/**
 * The attack: CSRF. A page of another origin has the browser send requests to the loopback address, with or without
 * reading the answers. The headers here are those that browsers send (Fetch standard; Fetch Metadata Request Headers,
 * section 2); `.ci/checks/70-browser` has a real one send them.
 */
import t from 'tap'
import { createWorld } from '../api/support/world.ts'
import { answersIn, outcomeOf, requestText, speak } from '../support/raw-http.ts'

const refused = '403 SIDEKEEP_CROSS_SITE_REQUEST'

interface Vector {
  readonly line: string
  readonly headers: readonly string[]
  readonly body?: string
}

const evil = 'Origin: http://evil.example'
const fetchMetadata = (site: string, mode: string, dest: string): string[] => [
  `Sec-Fetch-Site: ${site}`,
  `Sec-Fetch-Mode: ${mode}`,
  `Sec-Fetch-Dest: ${dest}`,
]
const read = 'GET /v1/secrets/db-password HTTP/1.1'
const refresh = 'POST /v1/refresh HTTP/1.1'

/** What a page can have its browser send to another origin. None of it can carry X-Sidekeep-Request or a token. */
const vectors: Readonly<Record<string, Vector>> = {
  'fetch with CORS': { line: read, headers: [evil, ...fetchMetadata('cross-site', 'cors', 'empty')] },
  'fetch without CORS': { line: read, headers: fetchMetadata('cross-site', 'no-cors', 'empty') },
  'an image': { line: read, headers: fetchMetadata('cross-site', 'no-cors', 'image') },
  'a script': { line: read, headers: fetchMetadata('cross-site', 'no-cors', 'script') },
  'a style sheet': { line: read, headers: fetchMetadata('cross-site', 'no-cors', 'style') },
  'a frame': { line: read, headers: fetchMetadata('cross-site', 'navigate', 'iframe') },
  'a link that is followed': { line: read, headers: fetchMetadata('cross-site', 'navigate', 'document') },
  'a stream of events': {
    line: 'GET /v1/events HTTP/1.1',
    headers: [evil, 'Accept: text/event-stream', ...fetchMetadata('cross-site', 'cors', 'empty')],
  },
  'a page of another port of this machine': {
    line: read,
    headers: ['Origin: http://127.0.0.1:8080', ...fetchMetadata('same-site', 'cors', 'empty')],
  },
  'a form': {
    line: refresh,
    headers: [
      evil,
      'Content-Type: application/x-www-form-urlencoded',
      ...fetchMetadata('cross-site', 'navigate', 'document'),
    ],
    body: 'a=b',
  },
  'a form of a sandboxed frame': {
    line: refresh,
    headers: [
      'Origin: null',
      'Content-Type: text/plain',
      ...fetchMetadata('cross-site', 'navigate', 'document'),
    ],
    body: 'a=b',
  },
  'a form in a browser without Fetch Metadata': { line: refresh, headers: [evil], body: 'a=b' },
  sendBeacon: {
    line: 'POST /v1/rejected/db-password HTTP/1.1',
    headers: [evil, 'Content-Type: text/plain', ...fetchMetadata('cross-site', 'no-cors', 'empty')],
    body: '{"version":"1"}',
  },
  'a preflight': {
    line: 'OPTIONS /v1/secrets/db-password HTTP/1.1',
    headers: [
      evil,
      'Access-Control-Request-Method: GET',
      'Access-Control-Request-Headers: x-sidekeep-request',
      ...fetchMetadata('cross-site', 'cors', 'empty'),
    ],
  },
  'a preflight for the private network': {
    line: 'OPTIONS /v1/secrets/db-password HTTP/1.1',
    headers: [evil, 'Access-Control-Request-Method: GET', 'Access-Control-Request-Private-Network: true'],
  },
  'a WebSocket': {
    line: 'GET /v1/events HTTP/1.1',
    headers: [
      evil,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      ...fetchMetadata('cross-site', 'websocket', 'websocket'),
    ],
  },
}

const textOf = ({ line, headers, body = '' }: Vector): string =>
  requestText(
    [
      line,
      'Host: 127.0.0.1:7575',
      ...headers,
      ...(line.startsWith('POST') ? [`Content-Length: ${body.length}`] : []),
    ],
    body,
  )

for (const access of ['header', 'open'] as const) {
  t.test(`with access: ${access}, what a page has its browser send is refused`, async (t) => {
    const world = await createWorld(t, { config: { access } })
    const { calls } = world.provider
    await world.clock.advance(5_000)
    for (const [what, vector] of Object.entries(vectors)) {
      const heard = await speak(world.port, textOf(vector))
      const [answer] = answersIn(heard)
      if (answer === undefined) throw new Error(`no answer: ${what}`)
      // A preflight wants a method that no route has, which the door says first.
      const expected = vector.line.startsWith('OPTIONS') ? /^(403|405) / : refused
      t.match(outcomeOf(answer), expected, what)
      t.notMatch(heard, /^access-control-/im, `${what}: no origin is told that it may read this`)
      t.notMatch(heard, 'CANARY-', what)
      t.equal(answer.headers.get('x-content-type-options'), 'nosniff', `${what}: and none may guess a type`)
    }
    t.equal(world.provider.calls, calls, 'no backend was asked')
  })
}

t.test('even with everything that opens the door otherwise, a page is refused', async (t) => {
  const world = await createWorld(t)
  for (const [what, vector] of Object.entries(vectors)) {
    const headers = [...vector.headers, 'X-Sidekeep-Request: true']
    const heard = await speak(world.port, textOf({ ...vector, headers }))
    t.match(heard, /^HTTP\/1\.1 40[35] /, what)
    t.notMatch(heard, 'CANARY-', what)
  }
})

t.test('whoever is no page is let in: without these headers, or by the hand of the user', async (t) => {
  const world = await createWorld(t)
  for (const headers of [[], fetchMetadata('none', 'navigate', 'document')]) {
    const heard = await speak(
      world.port,
      textOf({ line: read, headers: [...headers, 'X-Sidekeep-Request: true'] }),
    )
    t.match(heard, /^HTTP\/1\.1 200 /, headers.join())
  }
})
