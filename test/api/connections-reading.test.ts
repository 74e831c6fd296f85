/** Answers that are written but not read yet while the listener closes. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Connections } from '../../src/api/connections.ts'
import { createWorld } from './support/world.ts'

/** More than the system takes off the process's hands for a caller that does not read, in bytes. */
const big = `CANARY-${'x'.repeat(30_000_000)}`
const get = 'GET /v1/secrets/big?format=raw HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n'

/** A caller that has sent its request and has read nothing. */
async function ask(t: { teardown(fn: () => unknown): void }, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  await once(socket, 'connect')
  socket.write(get)
  return socket
}

/** How many bytes of body arrive for one who reads a piece, waits until the process has seen to the rest, and goes on. */
async function readSteadily(socket: Socket, ready: () => boolean): Promise<number> {
  let received = 0
  let head = ''
  for await (const chunk of socket) {
    if (!head.includes('\r\n\r\n')) head += String(chunk)
    received += chunk.length
    while (!ready()) await turn()
  }
  return received - head.indexOf('\r\n\r\n') - 4
}

t.test('a caller that reads on gets the whole of a big answer although the listener closes', async (t) => {
  const world = await createWorld(t, { values: { big } })
  const socket = await ask(t, world.port)
  // The answer is written before the close begins, and the caller reads on only once nobody can connect any more.
  await once(socket, 'readable')
  const closed = world.api.close()
  const received = await readSteadily(socket, () => !world.api.server.listening)
  t.equal(received, big.length)
  await closed
})

t.test('a caller that never reads its answer does not hold up the close for ever', async (t) => {
  const server = createServer((_request, response) => response.end(big))
  const connections = new Connections(server, 10, { longestReading: 200 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = await ask(t, (server.address() as AddressInfo).port)
  await once(socket, 'readable')
  await connections.close()
  const closed = once(server, 'close')
  const started = performance.now()
  server.close()
  await closed
  const took = performance.now() - started
  t.ok(took >= 200, 'it had its time to read')
  t.ok(took < 3_000, 'and no more')
})

t.test('a caller that is idle is not kept for one that reads slowly', async (t) => {
  const world = await createWorld(t, { values: { big, 'db-password': 'CANARY-db-password-1' } })
  const reader = await ask(t, world.port)
  await once(reader, 'readable')
  const idle = connect({ host: '127.0.0.1', port: world.port })
  t.teardown(() => idle.destroy())
  idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(idle, 'data')
  const left = once(idle, 'close')
  const closed = world.api.close()
  await left
  t.notOk(reader.closed, 'the reader is still connected')
  t.equal(await readSteadily(reader, () => true), big.length)
  await closed
})
