import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'

/** A read of a secret, byte by byte. */
export const get = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Sidekeep-Request: true\r\n\r\n`

/** A connection that ends with the test, and whose errors are no concern of it. */
export async function openSocket(t: { teardown(fn: () => unknown): void }, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** One request on a connection that is kept, and the answer, which is small. */
export async function exchange(socket: Socket, request: string): Promise<string> {
  socket.write(request)
  return String((await once(socket, 'data'))[0])
}
