/** The application behind the limits, as a process of its own: it says yes to all. Ends on SIGTERM. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((_request, response) => void response.end('ok'))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`listening on ${(server.address() as AddressInfo).port}`)
process.once('SIGTERM', () => process.exit())
