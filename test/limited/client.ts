/** A client that asks on one connection, one request at a time: less than a client of Node's costs, so that many may ask. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  /** Its status line and headers. */
  readonly head: string
}

export class Client {
  readonly #socket: Socket
  #text = ''
  #answered: ((answer: Answer | undefined) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (piece: string) => {
      this.#text += piece
      this.#read()
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#settle(undefined))
  }

  static async open(port: number): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Client(socket)
  }

  /** Undefined where the connection ended instead. */
  ask(path: string): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>()
    if (this.#socket.closed) return Promise.resolve(undefined)
    this.#answered = resolve
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    return promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(): void {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const length = Number(headerOf(head, 'Content-Length') ?? Number.NaN)
    if (!(this.#text.length >= end + 4 + length)) return
    this.#text = this.#text.slice(end + 4 + length)
    this.#settle({ status: Number(head.slice(9, 12)), head })
  }

  #settle(answer: Answer | undefined): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.(answer)
  }
}

export function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?)\r?$`, 'im').exec(head)?.[1]
}

/** One request on a connection of its own. */
export async function askOnce(port: number, path: string): Promise<Answer> {
  const client = await Client.open(port)
  try {
    const answer = await client.ask(path)
    if (answer === undefined) throw new Error('the connection ended without an answer')
    return answer
  } finally {
    client.close()
  }
}
