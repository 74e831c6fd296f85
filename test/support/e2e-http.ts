/** A plain HTTP client, as an application has it: over TCP or a Unix socket, each request on its own connection. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Ask {
  readonly method?: string
  /** In place of the one header that the API wants. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  json(): Record<string, unknown>
}

/** @param address as the log tells it: `http://127.0.0.1:7575` or `unix:/path` */
export async function ask(
  address: string,
  path: string,
  { method = 'GET', headers = { 'x-sidekeep-request': 'true' } }: Ask = {},
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = request(
    { ...targetOf(address), method, path, headers, agent: false, timeout: 15_000 },
    resolve,
  )
  call.on('error', reject)
  call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)))
  call.end()
  const response = await promise
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

function targetOf(address: string): { socketPath: string } | { host: string; port: string } {
  if (address.startsWith('unix:')) return { socketPath: address.slice('unix:'.length) }
  const { hostname, port } = new URL(address)
  return { host: hostname, port }
}
