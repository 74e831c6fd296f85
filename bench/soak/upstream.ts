/** The application behind the proxy: it says what it was asked for, and fails now and then. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Dice } from './random.ts'

/** What tells an answer of the application from one of the proxy's own. */
export const upstreamHeader = 'x-soak-upstream'

/** Longer than the configuration gives it, in milliseconds. */
const tooLong = 4_000

export class Upstream {
  readonly #dice: Dice
  readonly #sockets = new Set<Socket>()
  readonly #server: http.Server

  constructor(dice: Dice) {
    this.#dice = dice
    this.#server = http.createServer((request, response) => {
      const body = `you asked for ${request.url}`
      const headers = { [upstreamHeader]: 'true', 'content-length': Buffer.byteLength(body) }
      const luck = this.#dice.next()
      if (luck < 0.02) request.socket.resetAndDestroy()
      else if (luck < 0.03) void pause(tooLong).then(() => response.destroy())
      else if (luck < 0.06) response.writeHead(500, headers).end(body)
      else response.writeHead(200, headers).end(body)
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
