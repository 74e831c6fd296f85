/**
 * The application behind the sidecars, as a process of its own. It answers after up to 20 ms, every fourth time with a
 * body that comes in pieces; it speaks whatever it hears back to who upgrades; and it counts the answers that it has given
 * in full. Ends on SIGTERM.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const body = 'x'.repeat(512)
/** Pieces of a body that is streamed, and milliseconds between two of them. */
const [pieces, gap] = [4, 5]
/** RFC 6455, section 1.3. */
const webSocketId = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

let arrived = 0
let answered = 0

const server = createServer((request, response) => {
  if (request.url === '/answered') {
    response.end(String(answered))
    return
  }
  response.once('finish', () => {
    answered += 1
  })
  arrived += 1
  void answer(response, arrived)
})
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}${webSocketId}`)
    .digest('base64')
  socket.on('error', () => {})
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  socket.pipe(socket)
})

async function answer(response: ServerResponse, which: number): Promise<void> {
  // Spread over 0 to 20 ms, in an order that has nothing to do with who asks.
  await pause((which * 7) % 21)
  if (which % 4 > 0) {
    response.end(body)
    return
  }
  for (let piece = 0; piece < pieces; piece += 1) {
    response.write(body)
    await pause(gap)
  }
  response.end()
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`listening on ${(server.address() as AddressInfo).port}`)
process.once('SIGTERM', () => process.exit())
