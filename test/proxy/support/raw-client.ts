/** A client that sends exactly the bytes it is given, and an HTTP reader that hides nothing. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface RawResponse {
  readonly status: number
  /** In lower case, in the order in which they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** With the chunks put together. */
  readonly body: string
  /** All values of a header as one list; undefined where it is not there. */
  header(name: string): string | undefined
}

/** Connects, and hangs up when the test ends. */
export async function connectTo(t: Test, port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return new RawClient(socket)
}

/** Sends one request on a connection of its own and reads the answer. */
export async function exchange(t: Test, port: number, request: string): Promise<RawResponse> {
  const client = await connectTo(t, port)
  client.send(request)
  return await client.response(/^HEAD /.test(request))
}

/** How a connection ended: with a FIN, or with a reset. */
export type Ending = 'end' | 'reset'

export class RawClient {
  readonly socket: Socket
  /** Resolves when the server has closed the connection. */
  readonly ended: Promise<Ending>
  #text = ''
  #ending: Ending | undefined
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      const end = (ending: Ending) => {
        this.#ending ??= ending
        this.#wake()
        resolve(this.#ending)
      }
      socket
        .on('end', () => end('end'))
        .on('error', () => end('reset'))
        .on('close', () => end('reset'))
    })
  }

  /** What has come and was not read yet. */
  get pending(): string {
    return this.#text
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Reads up to and with the given text; fails where the connection ends before it. */
  async until(text: string): Promise<string> {
    while (!this.#text.includes(text)) await this.#more(`until ${JSON.stringify(text)}`)
    return this.#take(this.#text.indexOf(text) + text.length)
  }

  /** Reads one answer, whose body has a length, is in chunks or ends with the connection. */
  async response(isToHead = false): Promise<RawResponse> {
    const [line = '', ...fields] = (await this.until('\r\n\r\n')).trimEnd().split('\r\n')
    const headers = fields.map((field) => {
      const [, name = '', value = ''] = /^([^:]+):[ \t]*(.*)$/.exec(field) ?? []
      return [name.toLowerCase(), value] as const
    })
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1])
    const header = (wanted: string): string | undefined => {
      const values = headers.filter(([name]) => name === wanted.toLowerCase()).map(([, value]) => value)
      return values.length === 0 ? undefined : values.join(', ')
    }
    const hasNoBody = isToHead || status < 200 || status === 204 || status === 304
    const body = hasNoBody ? '' : await this.#body(header('transfer-encoding'), header('content-length'))
    return { status, headers, body, header }
  }

  async #body(coding: string | undefined, length: string | undefined): Promise<string> {
    if (coding !== undefined) {
      let body = ''
      for (;;) {
        const size = Number.parseInt(await this.until('\r\n'), 16)
        const chunk = await this.#exactly(size + 2)
        if (size === 0) return body
        body += chunk.slice(0, size)
      }
    }
    if (length !== undefined) return await this.#exactly(Number(length))
    while (this.#ending === undefined) await this.#more('to its end')
    return this.#take(this.#text.length)
  }

  async #exactly(length: number): Promise<string> {
    while (this.#text.length < length) await this.#more(`${length} bytes`)
    return this.#take(length)
  }

  async #more(wanted: string): Promise<void> {
    if (this.#ending !== undefined) {
      throw new Error(
        `the connection ended before it was read ${wanted}; left: ${JSON.stringify(this.#text)}`,
      )
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
  }

  #take(length: number): string {
    const taken = this.#text.slice(0, length)
    this.#text = this.#text.slice(length)
    return taken
  }
}
