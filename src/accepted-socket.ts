import { Socket } from 'node:net'

/**
 * The socket that the system accepted: of a connection with TLS the one below, which alone can be reset. Node keeps it in
 * a private member and offers no other way to it.
 */
export function acceptedSocket(socket: Socket): Socket {
  const accepted: unknown = Reflect.get(socket, '_parent')
  return accepted instanceof Socket ? accepted : socket
}

/** Ends a connection so that the other side cannot take what it has got for all: with a reset, where there is such a thing. */
export function reset(socket: Socket): void {
  const accepted = acceptedSocket(socket)
  // A Unix socket has no address, and knows no reset.
  if (accepted.remoteAddress === undefined) socket.destroy()
  else accepted.resetAndDestroy()
}
