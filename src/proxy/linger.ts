import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../secrets/clock.ts'

/** Milliseconds for which the rest of a body that nobody wants is read and thrown away. */
export const lingerTime = 2_000

/**
 * The client still sends a body that nobody wants. To close now would reset the connection, and the client might lose
 * the answer that is on its way to it; to read on for ever would be to work for nothing.
 */
export function linger(request: IncomingMessage, clock: Pick<Clock, 'setTimer'>): void {
  request.resume()
  const timer = clock.setTimer(() => request.socket.destroy(), lingerTime)
  request.once('end', () => timer.cancel())
}

/** The same where the client may already speak the protocol that it did not get. */
export function lingerUntilClosed(socket: Socket, clock: Pick<Clock, 'setTimer'>): void {
  const timer = clock.setTimer(() => socket.destroy(), lingerTime)
  socket.once('close', () => timer.cancel()).end()
}

/**
 * Node destroys the connection behind the last answer on it at once, whether the client still sends or not. To be called
 * before that answer begins; then the connection is only ended there, and destroyed when the request has come.
 */
export function closeAfterRequest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return
  // Before Node's own listener.
  response.prependListener('finish', () => {
    if (request.complete) return
    const { socket } = request
    const { destroySoon } = socket
    socket.destroySoon = () => socket.end()
    request.once('end', () => {
      socket.destroySoon = destroySoon
      if (socket.writableEnded) socket.destroySoon()
    })
  })
}
