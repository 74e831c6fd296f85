import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** An answer that was read to its end. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  json(): Record<string, unknown>
}

export async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const bytes = await buffer(response)
  const text = bytes.toString('utf8')
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  }
}
