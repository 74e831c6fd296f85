/**
 * The attack: request smuggling. Somebody who may choose the body of a request, but not its headers, hides a whole second
 * request in it, and frames the first so that the server ends it earlier than its sender meant (RFC 9112, section 11.2).
 */

import t from 'tap'
import type { World } from '../api/support/world.ts'
import { createWorld } from '../api/support/world.ts'
import fc from '../support/property.ts'
import { answersIn, outcomeOf, requestText, speak } from '../support/raw-http.ts'

const token = 'X-Sidekeep-Request: true'
const hidden = requestText(['GET /v1/secrets/db-password HTTP/1.1', 'Host: localhost', token])
const length = hidden.length
const bad = ['400 SIDEKEEP_BAD_REQUEST']

/** What came of a request with another one in it: each answer, and whether one of them has the value. */
async function smuggled(world: World, text: string): Promise<string[]> {
  const heard = await speak(world.port, text)
  const answers = answersIn(heard)
  return heard.includes('CANARY-') ? ['a value'] : answers.map(outcomeOf)
}

/** The outer request, let in: were it refused, its connection would end for that alone. */
const outer = (...headers: readonly string[]): string[] => [
  'POST /v1/refresh HTTP/1.1',
  'Host: localhost',
  token,
  ...headers,
]

/** Framings that two programs could read in two ways: each is refused, and ends the connection. */
const ambiguous: Readonly<Record<string, string>> = {
  'Content-Length before Transfer-Encoding': requestText(
    outer(`Content-Length: ${5 + length}`, 'Transfer-Encoding: chunked'),
    `0\r\n\r\n${hidden}`,
  ),
  'Transfer-Encoding before Content-Length': requestText(
    outer('Transfer-Encoding: chunked', `Content-Length: ${5 + length}`),
    `0\r\n\r\n${hidden}`,
  ),
  'two Transfer-Encodings': requestText(
    outer('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
    `0\r\n\r\n${hidden}`,
  ),
  'a coding that is not the last': requestText(
    outer('Transfer-Encoding: chunked, gzip'),
    `0\r\n\r\n${hidden}`,
  ),
  'a coding that nobody knows': requestText(outer('Transfer-Encoding: xchunked'), `0\r\n\r\n${hidden}`),
  'a coding behind a vertical tab': requestText(outer('Transfer-Encoding: \vchunked'), `0\r\n\r\n${hidden}`),
  'two lengths, the first 0': requestText(outer('Content-Length: 0', `Content-Length: ${length}`), hidden),
  'two lengths, the second 0': requestText(outer(`Content-Length: ${length}`, 'Content-Length: 0'), hidden),
  'the same length twice': requestText(
    outer(`Content-Length: ${length}`, `Content-Length: ${length}`),
    hidden,
  ),
  'a list of lengths': requestText(outer(`Content-Length: 0, ${length}`), hidden),
  'a length with a sign': requestText(outer(`Content-Length: +${length}`), hidden),
  'a negative length': requestText(outer('Content-Length: -1'), hidden),
  'a length in hex': requestText(outer('Content-Length: 0x10'), hidden),
  'a length beyond 64 bits': requestText(outer('Content-Length: 18446744073709551616'), hidden),
  'a space before the colon': requestText(outer(`Content-Length : ${length}`), hidden),
  'a NUL in the name': requestText(outer(`Content-Length\0: ${length}`), hidden),
  'a header that is folded (obs-fold)': requestText(outer('Content-Length:', ` ${length}`), hidden),
  'a header folded with a tab': requestText(outer('Transfer-Encoding:', '\tchunked'), `0\r\n\r\n${hidden}`),
  'a first header that begins with a space': requestText(
    ['POST /v1/refresh HTTP/1.1', ` Content-Length: ${length}`, 'Host: localhost', token],
    hidden,
  ),
  'bare LF between all lines': `${outer(`Content-Length: ${length}`).join('\n')}\n\n${hidden}`,
  'a bare LF within the headers': requestText(outer(`X-A: b\nContent-Length: ${length}`), hidden),
  'a bare LF before the empty line': `${outer('Content-Length: 0').join('\r\n')}\n\r\n${hidden}`,
  'a bare CR within the headers': requestText(outer(`X-A: b\rContent-Length: ${length}`), hidden),
  'bare CR between all lines': `${outer(`Content-Length: ${length}`).join('\r')}\r\r${hidden}`,
  'a chunk extension with a line end in quotes': requestText(
    outer('Transfer-Encoding: chunked'),
    `0;a="\r\n\r\n${hidden}`,
  ),
  'a chunk extension that ends with a bare LF': requestText(
    outer('Transfer-Encoding: chunked'),
    `1;a\nx\r\n0\r\n\r\n${hidden}`,
  ),
  'a chunk size with a space behind it': requestText(
    outer('Transfer-Encoding: chunked'),
    `0 \r\n\r\n${hidden}`,
  ),
  'a chunk size in 0x': requestText(outer('Transfer-Encoding: chunked'), `0x0\r\n\r\n${hidden}`),
  'a chunk size beyond 64 bits': requestText(
    outer('Transfer-Encoding: chunked'),
    `10000000000000000\r\n${hidden}`,
  ),
  'a chunk that is longer than its size': requestText(
    outer('Transfer-Encoding: chunked'),
    `1\r\nxx\r\n0\r\n\r\n${hidden}`,
  ),
  'a chunk that ends with a bare LF': requestText(
    outer('Transfer-Encoding: chunked'),
    `1\r\nx\n0\r\n\r\n${hidden}`,
  ),
  'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
  'a version of its own': requestText(['POST /v1/refresh HTTP/1.10', 'Host: localhost', token], hidden),
}

t.test('a framing that can be read in two ways is 400, and nothing behind it is handled', async (t) => {
  const world = await createWorld(t)
  for (const [what, text] of Object.entries(ambiguous)) {
    // A body may be in the middle of being read when it turns out that it is none: then the first answer is the one.
    t.strictSame(await smuggled(world, text), bad, what)
  }
  t.strictSame(world.errors, [])
})

t.test('a request within a body is a body, whatever the route and whoever is let in', async (t) => {
  const world = await createWorld(t)
  const { calls } = world.provider
  const chunked = `${length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
  for (const [line, status] of [
    ['POST /v1/refresh/db-password HTTP/1.1', '200'],
    ['POST /v1/rejected/db-password HTTP/1.1', '400 SIDEKEEP_BAD_REQUEST'],
    ['POST /v1/nothing HTTP/1.1', '404 SIDEKEEP_ROUTE_NOT_FOUND'],
    ['PUT /v1/refresh HTTP/1.1', '405 SIDEKEEP_METHOD_NOT_ALLOWED'],
    // CL.0: a server that thinks GET to have no body would take it for the next request.
    ['GET /v1/secrets HTTP/1.1', '200'],
    ['HEAD /v1/secrets HTTP/1.1', '200'],
    ['GET /v1/secrets/none HTTP/1.1', '404 SIDEKEEP_SECRET_NOT_FOUND'],
    ['GET /livez HTTP/1.1', '200'],
    ['GET /openapi.json HTTP/1.1', '200'],
    ['DELETE /v1/secrets HTTP/1.1', '405 SIDEKEEP_METHOD_NOT_ALLOWED'],
  ] as const) {
    for (const [framing, body] of [
      [`Content-Length: ${length}`, hidden],
      ['Transfer-Encoding: chunked', chunked],
      ['tRANSFER-eNCODING:\tCHUNKED', chunked],
    ] as const) {
      for (const more of [[], ['Connection: Upgrade', 'Upgrade: h2c'], ['Expect: 100-continue']]) {
        const head = [line, 'Host: localhost', 'Content-Type: application/json', ...more, framing]
        const told = await smuggled(world, requestText([...head, token], body))
        t.strictSame(told, [status], `${line}, ${framing} ${more.join(', ')}`)
        const outside = (await smuggled(world, requestText(head, body)))[0]
        t.match(outside, line.includes('livez') ? /^200$/ : /^40[15]/, `${line}, not let in`)
      }
    }
  }
  t.ok(world.provider.calls - calls <= 2, 'no more was fetched than the outer requests asked for')
  t.strictSame(world.errors, [])
})

t.test('what is refused with its body unread takes the rest of its connection with it', async (t) => {
  const world = await createWorld(t)
  for (const framing of [`Content-Length: ${2_000 + length}`, 'Transfer-Encoding: chunked']) {
    for (const header of ['Host: evil.example', 'Via: 1.1 x', 'X-A: b']) {
      const head = ['POST /v1/refresh HTTP/1.1', ...(header.startsWith('Host') ? [] : ['Host: localhost'])]
      const heard = await speak(world.port, requestText([...head, header, framing], hidden))
      t.notMatch(heard, 'CANARY-', `${header}, ${framing}`)
      t.match(heard, /^connection: close\r$/im, 'the connection ends')
    }
  }
})

t.test('HTTP/1.0 with Transfer-Encoding does not go on to a second request', async (t) => {
  const world = await createWorld(t)
  const head = ['POST /v1/refresh HTTP/1.0', 'Host: localhost', 'Connection: keep-alive', token]
  const told = await smuggled(
    world,
    requestText([...head, 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`),
  )
  t.notOk(told.includes('a value'), told.join())
})

t.test('headers in a trailer let nobody in', async (t) => {
  const world = await createWorld(t)
  const trailer = `0\r\n${token}\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n`
  const head = ['POST /v1/refresh HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked']
  t.strictSame(await smuggled(world, requestText([...head, `Trailer: ${token.split(':')[0]}`], trailer)), [
    '401 SIDEKEEP_HEADER_REQUIRED',
  ])
})

t.test('a request that is sent whole behind CONNECT or HTTP/0.9 is not answered', async (t) => {
  const world = await createWorld(t)
  for (const first of [
    'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /v1/secrets/db-password\r\n\r\n',
    'GET /v1/secrets/db-password \r\n\r\n',
  ]) {
    t.notMatch(await speak(world.port, first + hidden), 'CANARY-', first)
  }
})

const lengths = [
  '0',
  '1',
  '5',
  String(length),
  String(length + 5),
  `${length},0`,
  '',
  ' ',
  '-0',
  '00',
  '1e1',
  '٣',
]
const codings = ['chunked', 'identity', 'Chunked', 'chunked, chunked', '"chunked"', 'chun\tked', 'x', '']
const field = (names: readonly string[], values: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom(...names),
      fc.constantFrom(':', ': ', ':\t', ' : ', ':\r\n '),
      fc.constantFrom(...values),
    )
    .map((parts) => parts.join(''))
const noise = fc.oneof(
  field(
    ['Content-Length', 'content-length', 'Content_Length', 'Content-Length\t', 'Content-Length\0'],
    lengths,
  ),
  field(
    ['Transfer-Encoding', 'tRANSFER-encoding', 'Transfer_Encoding', 'TE', '\tTransfer-Encoding'],
    codings,
  ),
  field(['Connection'], ['Content-Length', 'Transfer-Encoding', 'Upgrade', 'keep-alive']),
  field(['Expect', 'Upgrade', 'X-A'], ['100-continue', 'h2c', 'a\nContent-Length: 0', 'a\rb']),
)

t.test(
  'whatever stands beside the length of a body, no request in it is answered with a value',
  async (t) => {
    const world = await createWorld(t)
    const seen = new Set<string>()
    const property = fc.asyncProperty(
      fc.array(noise, { maxLength: 3 }),
      fc.array(noise, { maxLength: 1 }),
      fc.constantFrom('\r\n', '\r\n', '\n', '\r', '\r\n\r\n0\r\n'),
      async (before, after, end) => {
        const framed = outer(...before, `Content-Length: ${length}`, ...after)
        for (const told of await smuggled(world, `${framed.join('\r\n')}${end}\r\n${hidden}`)) seen.add(told)
        return !seen.has('a value')
      },
    )
    await fc.assert(property, { numRuns: 500 })
    t.ok(seen.has('400 SIDEKEEP_BAD_REQUEST'), 'some were refused')
    t.ok(seen.has('200') || seen.has('429 SIDEKEEP_RATE_LIMITED'), 'and some were taken')
    t.strictSame(world.errors, [])
  },
)
