import http from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { HttpAnswer } from '../../support/http-answer.ts'
import { readAnswer } from '../../support/http-answer.ts'

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: http.Agent
}

/** One request on a connection of its own, unless an agent keeps it. The path is sent as it is. */
export async function request(
  port: number,
  method: string,
  path: string,
  { headers = {}, body, agent }: RequestOptions = {},
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const call = http.request(
    { host: '127.0.0.1', port, method, path, headers, agent: agent ?? false },
    resolve,
  )
  call.on('error', reject)
  call.end(body)
  return await readAnswer(await promise)
}

/** Writes the lines as they are and reads until the server closes the connection. */
export async function raw(port: number, lines: readonly string[], body = ''): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return (await buffer(socket)).toString()
}

/** The head of a request line by line, with what the door wants, and an end of the connection after the answer. */
export function head(line: string, ...headers: readonly string[]): string[] {
  return [line, 'Connection: close', ...headers]
}
