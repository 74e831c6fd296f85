import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * A service's address: whoever connects is led to the server that it stands for at that moment. Connections that there
 * are stay where they are, as they do at a Kubernetes service.
 */
export class Forwarder {
  target: number
  port = 0
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((from) => {
    const to = connect(this.target, '127.0.0.1')
    for (const socket of [from, to]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        from.destroy()
        to.destroy()
      })
    }
    from.pipe(to).pipe(from)
  })

  constructor(target: number) {
    this.target = target
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    this.port = address === null || typeof address === 'string' ? 0 : address.port
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
