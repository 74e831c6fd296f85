/** Applications behind the proxy: one that is a real HTTP server, and one that answers with exactly the bytes it is told. */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface HttpUpstream {
  readonly origin: string
  readonly sockets: ReadonlySet<Socket>
}

/** Starts an HTTP server that is closed, with its connections, when the test ends. */
export async function startUpstream(
  t: Test,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpUpstream> {
  const server = createHttpServer(handle)
  return { origin: await listen(t, server), sockets: trackSockets(t, server) }
}

/** Answers every request with what it was asked. */
export async function startEcho(t: Test): Promise<HttpUpstream> {
  return await startUpstream(t, (request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const { method, url, rawHeaders, headers } = request
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ method, url, headers, names: rawHeaders.filter((_, at) => at % 2 === 0), body }),
      )
    })
  })
}

/** What `startEcho` answers. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As they were written. */
  readonly names: readonly string[]
  readonly body: string
}

export interface RawUpstream {
  readonly origin: string
  readonly sockets: ReadonlySet<Socket>
  /** All that came on all connections. */
  readonly received: string
}

/**
 * Listens on TCP and calls `answer` with each head that comes (and what came with it), to write what it likes. It is
 * closed, with its connections, when the test ends.
 */
export async function startRawUpstream(
  t: Test,
  answer: (socket: Socket, head: string) => void,
): Promise<RawUpstream> {
  let received = ''
  const server = createServer((socket) => {
    let text = ''
    socket.setEncoding('latin1').on('error', () => {})
    socket.on('data', (piece: string) => {
      received += piece
      text += piece
      const end = text.indexOf('\r\n\r\n')
      if (end < 0 || !/^[A-Z-]+ \S+ HTTP/.test(text)) return
      const head = text
      text = ''
      answer(socket, head)
    })
  })
  return {
    origin: await listen(t, server),
    sockets: trackSockets(t, server),
    get received() {
      return received
    },
  }
}

/** A port of loopback on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listen(t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function trackSockets(t: Test, server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return sockets
}
