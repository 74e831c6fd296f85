/**
 * The provider of the pod check: lists secrets to whoever has the token of the mounted file, and gives `db-password`
 * a new value upon POST /rotate. Runs in a container, by itself.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const port = 9000
/** Together with their names more than the sidecar's memory could hold many times over. */
const bulkCount = 1000
const bulk = Array.from({ length: bulkCount }, (_, index) => ({
  name: `bulk/${index}`,
  value: `CANARY-bulk-${index}-`.padEnd(1024, 'x'),
  version: 'v1',
}))
let generation = 1

createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    generation++
    response.writeHead(204).end()
  } else list(request, response)
}).listen(port, '0.0.0.0')

// The first process of a container has no default action for signals: without this it would have to be killed.
process.on('SIGTERM', () => process.exit(0))

function list(request: IncomingMessage, response: ServerResponse): void {
  const token = readFileSync('/var/run/secrets/sidekeep/token', 'utf8').trim()
  if (request.headers.authorization !== `Bearer ${token}`) {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    return
  }
  const etag = `"${generation}"`
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end()
    return
  }
  const rotated = {
    name: 'db-password',
    value: `CANARY-db-password-${generation}`,
    version: `v${generation}`,
  }
  response
    .writeHead(200, { 'content-type': 'application/json', etag })
    .end(JSON.stringify([rotated, ...bulk]))
}
