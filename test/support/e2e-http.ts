/** A plain HTTP client, as an application has it: over TCP or a Unix socket, each request on its own connection. */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { HttpAnswer } from './http-answer.ts'
import { readAnswer } from './http-answer.ts'

export type { HttpAnswer } from './http-answer.ts'

export interface Ask {
  readonly method?: string
  /** In place of the one header that the API wants. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** @param address as the log tells it: `http://127.0.0.1:7575` or `unix:/path` */
export async function ask(
  address: string,
  path: string,
  { method = 'GET', headers = { 'x-sidekeep-request': 'true' }, body }: Ask = {},
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = request(
    { ...targetOf(address), method, path, headers, agent: false, timeout: 15_000 },
    resolve,
  )
  call.on('error', reject)
  call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)))
  call.end(body)
  return await readAnswer(await promise)
}

export function targetOf(address: string): { socketPath: string } | { host: string; port: string } {
  if (address.startsWith('unix:')) return { socketPath: address.slice('unix:'.length) }
  const { hostname, port } = new URL(address)
  return { host: hostname, port }
}
