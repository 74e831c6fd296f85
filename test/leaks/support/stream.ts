import { get, type IncomingMessage } from 'node:http'
import type { Test } from 'tap'
import { targetOf } from '../../support/e2e-http.ts'

/** An answer that goes on until the sidecar ends it. */
export interface Stream {
  /** The head as JSON, and all of the body that has come. */
  readonly text: string
  /** The id of the last event, or of the position, that has come. */
  readonly lastEventId: string
  readonly ended: Promise<void>
  leave(): void
}

/** Opens a stream of events; resolves when its first bytes have come. */
export async function openStream(
  t: Test,
  address: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Stream> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = get({ ...targetOf(address), path, headers, agent: false }, resolve)
  call.on('error', reject)
  t.teardown(() => call.destroy())
  const response = await promise
  const head = JSON.stringify(response.headers)
  let body = ''
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    body += chunk
    begin()
  })
  response.on('error', () => {})
  response.once('close', () => {
    begin()
    end()
  })
  await begun
  return {
    get text() {
      return `${head}\n${body}`
    },
    get lastEventId() {
      return (
        body
          .match(/^id: (.+)$/gm)
          ?.at(-1)
          ?.slice('id: '.length) ?? ''
      )
    },
    ended,
    leave: () => void response.destroy(),
  }
}
