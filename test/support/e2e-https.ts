/** A client of HTTPS, each request on its own connection unless an agent is given. */
import type { IncomingMessage } from 'node:http'
import { type Agent, request } from 'node:https'
import type { SecureVersion } from 'node:tls'
import type { HttpAnswer } from './http-answer.ts'
import { readAnswer } from './http-answer.ts'

export interface AskSecurely {
  /** The authority that is trusted, PEM. */
  readonly ca: string
  /** Of the client, PEM. */
  readonly cert?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Agent
  readonly maxVersion?: SecureVersion
}

/** @param address as the log tells it: `https://127.0.0.1:7575` */
export async function askSecurely(
  address: string,
  path: string,
  { headers = { 'x-sidekeep-request': 'true' }, agent, ...tls }: AskSecurely,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = request(
    `${address}${path}`,
    { ...tls, headers, agent: agent ?? false, timeout: 15_000, minVersion: 'TLSv1' },
    resolve,
  )
  call.on('error', reject)
  call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)))
  call.end()
  return await readAnswer(await promise)
}
