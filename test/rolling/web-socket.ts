/** A client that has upgraded its connection and keeps it. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export class WebSocketClient {
  readonly closed: Promise<unknown>
  readonly #socket: Socket
  #text = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (piece: string) => {
      this.#text += piece
    })
    // To be reset is an end as well.
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.once('close', resolve))
  }

  /** @throws where the application is not reached, or does not speak as it should */
  static async open(port: number): Promise<WebSocketClient> {
    const socket = connect(port, '127.0.0.1')
    const client = new WebSocketClient(socket)
    const key = randomBytes(16).toString('base64')
    socket.write(
      `GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await client.#until('\r\n\r\n')
    if (!client.#text.startsWith('HTTP/1.1 101 ')) throw new Error(`no WebSocket: ${client.#text}`)
    return client
  }

  /** Whether what is sent comes back. */
  async echoes(text: string): Promise<boolean> {
    this.#text = ''
    this.#socket.write(text)
    await this.#until(text)
    return this.#text === text
  }

  async #until(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      if (this.#socket.closed) throw new Error('the connection has ended')
      await Promise.race([once(this.#socket, 'data'), this.closed])
    }
  }

  kill(): void {
    this.#socket.destroy()
  }
}
