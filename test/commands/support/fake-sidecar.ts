/** A server that answers as a sidecar would, and keeps what it was asked: for what the commands send. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import https, { type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface FakeSidecar {
  readonly port: number
  /** The headers of each request, in order. */
  readonly asked: IncomingHttpHeaders[]
}

export interface FakeAnswer {
  readonly status: number
  readonly code: string
  readonly detail: string
}

/** Answers every request with `answer`, or as one that is well and has no secrets, or with a page in its place; over HTTPS where there are `tls` options. */
export async function startFakeSidecar(
  t: Test,
  {
    answer,
    page,
    type,
    tls,
  }: {
    readonly answer?: FakeAnswer
    readonly page?: string
    readonly type?: string
    readonly tls?: ServerOptions
  } = {},
): Promise<FakeSidecar> {
  const asked: IncomingHttpHeaders[] = []
  const listener: RequestListener = (request, response) => {
    asked.push(request.headers)
    const isHealthy = answer === undefined && page === undefined && request.url?.endsWith('z') === true
    const contentType = isHealthy ? 'text/plain; charset=utf-8' : type
    response
      .writeHead(answer?.status ?? 200, contentType === undefined ? {} : { 'content-type': contentType })
      .end(isHealthy ? 'ok' : (page ?? JSON.stringify(answer ?? { secrets: [] })))
  }
  const server = tls === undefined ? createServer(listener) : https.createServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, asked }
}
