import t from 'tap'
import { answer, faults, type Handler } from '../support/backend.ts'
import { endless, json } from './support/injections.ts'
import { faultMatrix } from './support/matrix.ts'
import type { Row } from './support/row.ts'
import type { Scene } from './support/scene.ts'

const right = JSON.stringify([{ name: 'held', value: 'CANARY-in-the-body', version: '1' }])
const html = '<html><form action="/login">CANARY-login</form></html>'
const tenGigabytes = 10 * 1024 ** 3

/** The backend answers everything so. */
const all =
  (handler: Handler) =>
  ({ backend }: Scene): void => {
    backend.handler = handler
  }

const malformed = ['unavailable malformed', 'breaker opens']

const rows: readonly Row[] = [
  {
    id: 'length-too-long',
    fault: '`Content-Length` says more than comes',
    begin: all(faults.closeMidBody),
    expected: { log: ['unavailable reset', 'breaker opens'] },
  },
  {
    id: 'length-too-short',
    fault: '`Content-Length` says less than comes',
    begin: all((request) => {
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${right.length - 9}`
      request.socket.end(`${head}\r\n\r\n${right}`)
    }),
    expected: { log: malformed },
  },
  {
    id: 'no-length',
    fault: 'no `Content-Length` and no chunks',
    begin: all((request) => {
      request.socket.end(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n${right}`)
    }),
    expected: { log: malformed },
  },
  {
    id: 'truncated-json',
    fault: 'JSON that ends in the middle',
    begin: all(json(right.slice(0, -5))),
    expected: { log: malformed },
  },
  { id: 'empty', fault: '200 with nothing', begin: all(json('')), expected: { log: malformed } },
  {
    id: 'html',
    fault: '200 with HTML',
    begin: all(answer(200, html, { 'content-type': 'text/html; charset=utf-8' })),
    expected: { log: malformed },
  },
  {
    id: 'html-as-json',
    fault: '200 with HTML that calls itself JSON',
    begin: all(json(html)),
    expected: { log: malformed },
  },
  {
    id: 'not-utf-8',
    fault: 'JSON that is not UTF-8',
    begin: all(
      json(Buffer.concat([Buffer.from(right.slice(0, -4)), Buffer.from([0xc3, 0x28]), Buffer.from('"}]')])),
    ),
    expected: { log: malformed },
  },
  {
    id: 'compressed',
    fault: 'compressed, although nobody asked for it',
    begin: all(answer(200, right, { 'content-type': 'application/json', 'content-encoding': 'gzip' })),
    expected: { log: malformed },
  },
  {
    id: 'endless',
    fault: '10 GB, in chunks',
    begin: pour(false),
    expected: { log: ['unavailable oversized'] },
  },
  {
    id: 'endless-announced',
    fault: '10 GB, announced in `Content-Length`',
    begin: pour(true),
    expected: { log: ['unavailable oversized'] },
  },
]

/** What the backend gets rid of before it is cut off is a little over `maxBody` (1 MiB): what lies in sockets' buffers. */
function pour(announced: boolean): Row['begin'] {
  return ({ backend, checks }) => {
    let most = 0
    const before = process.memoryUsage().rss
    backend.handler = (request, response) => {
      let sent = 0
      endless(tenGigabytes, announced, (bytes) => {
        sent += bytes
        most = Math.max(most, sent)
      })(request, response)
    }
    checks.push((t) => {
      t.ok(most < 32 * 1024 * 1024, `${most} bytes were taken of 10 GB: less than 32 MiB`)
      t.ok(process.memoryUsage().rss - before < 256 * 1024 * 1024, 'nor did they stay in memory')
    })
  }
}

await faultMatrix(t, 'body', rows)
