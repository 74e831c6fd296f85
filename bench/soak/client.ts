/** A plain HTTP client, as an application has it, that keeps its connections. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** On the driver's monotonic clock, in milliseconds. */
  readonly sentAt: number
  readonly endedAt: number
}

export interface Question {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** No answer of a correct sidecar takes this long, in milliseconds; what waits says so itself. */
const patience = 30_000

/** What opens the door of the API. */
export const doorHeaders = { 'x-sidekeep-request': 'true' } as const

export class Client {
  readonly #agent: Agent
  readonly address: { readonly host: string; readonly port: number }

  /** @param url where the listener is */
  constructor(url: string, connections: number) {
    const { hostname, port } = new URL(url)
    this.address = { host: hostname, port: Number(port) }
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /**
   * Asks, and reads the answer to its end. A kept connection that ended in the moment in which it was used again is no
   * answer and no fault (RFC 9112, section 9.3.1): the question is asked once more.
   */
  async ask(question: Question): Promise<Answer> {
    try {
      return await this.#ask(question)
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error
      return await this.#ask(question)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #ask({ method = 'GET', path, headers = doorHeaders, body }: Question): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const content = body === undefined ? undefined : JSON.stringify(body)
    const sentAt = performance.now()
    const call = request(
      {
        ...this.address,
        agent: this.#agent,
        method,
        path,
        headers: {
          ...headers,
          ...(content === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
        },
        timeout: patience,
      },
      resolve,
    )
    call.on('error', (error: NodeJS.ErrnoException) => {
      const ended = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      reject(ended ? new StaleConnection() : error)
    })
    call.on('timeout', () => call.destroy(new Error(`no answer within ${patience} ms`)))
    call.end(content)
    const response = await promise
    const bytes = await buffer(response)
    const { statusCode = 0, headers: received } = response
    return { status: statusCode, headers: received, body: bytes, sentAt, endedAt: performance.now() }
  }
}

class StaleConnection extends Error {}
