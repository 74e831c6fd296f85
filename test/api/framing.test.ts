import t from 'tap'
import { outcomes, requestText } from '../support/raw-http.ts'
import { createWorld } from './support/world.ts'

const get = 'GET /v1/secrets/db-password HTTP/1.1'
const entitled = ['Host: localhost', 'X-Sidekeep-Request: true']

t.test('every header counts, however many stand before it', async (t) => {
  const world = await createWorld(t)
  for (const count of [1_998, 2_000, 3_000]) {
    const before = Array.from({ length: count }, () => 'a:')
    t.strictSame(await outcomes(world.port, requestText([get, ...before, ...entitled])), ['200'])
    t.strictSame(await outcomes(world.port, requestText([get, ...entitled, ...before, 'Via: 1.1 proxy'])), [
      '400 SIDEKEEP_FORWARDED_REQUEST',
    ])
  }
})

t.test('a connection goes on after a request with a body, but for one of HTTP/1.0 in chunks', async (t) => {
  const world = await createWorld(t)
  const next = requestText([get, ...entitled])
  for (const [version, count] of [
    ['1.1', 2],
    ['1.0', 1],
  ] as const) {
    const head = [`POST /v1/refresh HTTP/${version}`, ...entitled, 'Connection: keep-alive']
    const chunked = requestText([...head, 'Transfer-Encoding: chunked'], `0\r\n\r\n${next}`)
    t.equal((await outcomes(world.port, chunked)).length, count, `HTTP/${version}`)
    const sized = requestText([...head, 'Content-Length: 3'], `abc${next}`)
    t.equal((await outcomes(world.port, sized)).length, 2, `HTTP/${version} with a length`)
  }
})

t.test('health, which skips the door, ends such a connection too', async (t) => {
  const world = await createWorld(t)
  const head = ['GET /livez HTTP/1.0', 'Connection: keep-alive', 'Transfer-Encoding: chunked']
  const text = requestText(head, `0\r\n\r\n${requestText([get, ...entitled])}`)
  t.strictSame(await outcomes(world.port, text), ['200'])
})
