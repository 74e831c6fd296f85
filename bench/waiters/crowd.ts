/** Many callers of one server, each on a connection of its own: raw sockets, so that the crowd itself costs little. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { callerHeaders } from '../support/processes.ts'

/** How many connect at the same time: fewer than a server's backlog holds. */
const connectingAtOnce = 250

export interface Answers {
  /** When each answer began to arrive, on the monotonic clock. */
  readonly times: readonly number[]
  /** How many of them were 200 and held the text. */
  readonly right: number
}

export class Crowd {
  readonly #sockets: Socket[] = []
  readonly #host: string
  readonly #port: number

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
  }

  /** How many connections are open still. */
  get size(): number {
    return this.#sockets.filter((socket) => !socket.destroyed).length
  }

  /** Opens so many connections, each of which has one answer to `path` and stays open. */
  async gather(count: number, path: string): Promise<void> {
    const ask = this.#request(path, {})
    for (let from = 0; from < count; from += connectingAtOnce) {
      const some = Array.from({ length: Math.min(connectingAtOnce, count - from) }, () => this.#connect(ask))
      this.#sockets.push(...(await Promise.all(some)))
    }
  }

  /** Sends a request on each connection. Resolves when each has been answered, or has ended. */
  askAll(path: string, headers: Readonly<Record<string, string>>, text: string): Promise<Answers> {
    const request = this.#request(path, headers)
    const times: number[] = []
    let right = 0
    const answered = this.#sockets.map(async (socket) => {
      const answer = answerOn(socket)
      socket.write(request)
      const { at, head } = await answer
      times.push(at)
      if (head.startsWith('HTTP/1.1 200 ') && head.includes(text)) right += 1
    })
    return Promise.all(answered).then(() => ({ times, right }))
  }

  disperse(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.length = 0
  }

  async #connect(ask: string): Promise<Socket> {
    const socket = connect(this.#port, this.#host)
    await once(socket, 'connect')
    // A server that ends a connection is seen by whoever waits for an answer on it.
    socket.on('error', () => socket.destroy())
    const answer = answerOn(socket)
    socket.write(ask)
    await answer
    return socket
  }

  #request(path: string, headers: Readonly<Record<string, string>>): string {
    const lines = Object.entries({ Host: `${this.#host}:${this.#port}`, ...callerHeaders, ...headers })
    return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  }
}

/** The next bytes on a connection: answers here are small enough to come in one piece. */
function answerOn(socket: Socket): Promise<{ at: number; head: string }> {
  const { promise, resolve } = Promise.withResolvers<{ at: number; head: string }>()
  const end = (head: string): void => {
    socket.off('data', take)
    socket.off('close', gone)
    resolve({ at: performance.now(), head })
  }
  const take = (data: Buffer): void => end(data.toString('latin1'))
  const gone = (): void => end('')
  socket.on('data', take)
  socket.on('close', gone)
  return promise
}
