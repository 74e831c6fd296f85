import type { Socket } from 'node:net'

const listeners = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `fn` when a connection has ended. However many wait for it (requests may be pipelined), the connection has one
 * listener: each of its own would have Node warn of a leak. An answer's own `close` event is no substitute, as answers
 * that stand in line behind another get none.
 *
 * @returns what ends it
 */
export function whenClosed(socket: Socket, fn: () => void): () => void {
  let all = listeners.get(socket)
  if (all === undefined) {
    const fresh = new Set<() => void>()
    listeners.set(socket, fresh)
    socket.once('close', () => {
      for (const listener of fresh) listener()
    })
    all = fresh
  }
  const set = all.add(fn)
  return () => {
    set.delete(fn)
  }
}
