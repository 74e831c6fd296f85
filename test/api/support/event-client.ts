import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import http from 'node:http'
import { settle } from '../../support/virtual-clock.ts'
import type { World } from './world.ts'

/** One message of a stream, as a client of the standard reads it. */
export interface Message {
  readonly id: string
  readonly event: string
  readonly data: Record<string, unknown>
}

/** A client of `/v1/events`, kept small: what arrives, taken apart by the rules of WHATWG HTML, section 9.2.6. */
export class EventClient {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly response: IncomingMessage
  readonly closed: Promise<void>
  /** All that came, as it came. */
  text = ''

  constructor(response: IncomingMessage) {
    this.response = response
    this.status = response.statusCode ?? 0
    this.headers = response.headers
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    response.on('close', () => resolve())
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      this.text += chunk
    })
    response.on('error', () => {})
  }

  /** Those blocks that dispatch something. */
  get messages(): Message[] {
    return this.#blocks().flatMap((fields) => {
      const data = fields.get('data')
      if (data === undefined) return []
      return [
        {
          id: fields.get('id') ?? '',
          event: fields.get('event') ?? '',
          data: JSON.parse(data) as Message['data'],
        },
      ]
    })
  }

  /** What a client would send as Last-Event-ID when it reconnects. */
  get lastEventId(): string {
    return this.#blocks().reduce((last, fields) => fields.get('id') ?? last, '')
  }

  /** Each message in words. */
  get story(): string[] {
    return this.messages.map(({ event, data }) => `${event} ${String(data.name ?? data.reason)}`)
  }

  /** Waits until so many messages are there. */
  async has(count: number): Promise<void> {
    while (this.messages.length < count) await settle()
  }

  async hears(text: string): Promise<void> {
    while (!this.text.includes(text)) await settle()
  }

  leave(): void {
    this.response.destroy()
  }

  #blocks(): Map<string, string>[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .map(
        (block) =>
          new Map(
            block.split('\n').map((line) => [line.split(': ', 1)[0] ?? '', line.replace(/^\w*: /, '')]),
          ),
      )
  }
}

/** Opens a stream; resolves when its head has come. */
export async function openEvents(
  t: { teardown(fn: () => unknown): void },
  world: Pick<World, 'port'>,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<EventClient> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = http.get(
    {
      host: '127.0.0.1',
      port: world.port,
      path: `/v1/events${query}`,
      headers: { 'X-Sidekeep-Request': 'true', ...headers },
      agent: false,
    },
    resolve,
  )
  call.on('error', reject)
  t.teardown(() => call.destroy())
  return new EventClient(await promise)
}
