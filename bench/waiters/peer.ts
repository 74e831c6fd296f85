/** The least that can wait: node:http, a set of answers that wait for one value, and a timer for each. Prints its address. */
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

let version = 1
const waiting = new Set<() => void>()

const tag = (): string => `"${createHash('sha256').update(String(version)).digest('hex').slice(0, 24)}"`

function answer(response: ServerResponse): void {
  const body = Buffer.from(JSON.stringify({ name: 'x', value: `CANARY-${version}`, version: `v${version}` }))
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    etag: tag(),
  })
  response.end(body)
}

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    version += 1
    response.end()
    for (const wake of waiting) wake()
    waiting.clear()
    return
  }
  if (!(request.url ?? '').includes('wait=') || request.headers['if-none-match'] !== tag()) {
    answer(response)
    return
  }
  const timer = setTimeout(() => {
    waiting.delete(wake)
    response.writeHead(304, { etag: tag() }).end()
  }, 60_000)
  const wake = (): void => {
    clearTimeout(timer)
    answer(response)
  }
  waiting.add(wake)
  response.on('close', () => {
    clearTimeout(timer)
    waiting.delete(wake)
  })
})
// As the sidecar does it, so that the crowd has as long to get together.
server.keepAliveTimeout = 5_000
server.listen(0, '127.0.0.1', 4_096, () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`http://127.0.0.1:${port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
