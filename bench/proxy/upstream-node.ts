/** The upstream where there is no nginx: `node upstream-node.ts PORT`, node:http with as little of its own as there can be. */
import { createServer } from 'node:http'
import { largeBytes, paths } from './paths.ts'

const small = Buffer.alloc(512, 'x')
const large = Buffer.alloc(largeBytes, 'x')

const server = createServer((request, response) => {
  request.resume()
  if (request.url === paths.upload) {
    request.on('end', () => response.end('read'))
    return
  }
  response.end(request.url === paths.large ? large : small)
})
server.keepAliveTimeout = 75_000
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096)
process.on('SIGTERM', () => process.exit(0))
