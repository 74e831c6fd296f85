/** An application behind the proxy of a real sidecar, and that sidecar, whose configuration a test changes. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import type { ServerCertificate } from './certificates.ts'
import { type Ask, ask, type HttpAnswer } from './e2e-http.ts'
import { type Reloaded, ready, startReloaded } from './reloaded-sidecar.ts'

export interface Application {
  /** As `proxy.upstream` wants it. */
  readonly origin: string
  /** Answers that the test gives, oldest first. */
  readonly held: ServerResponse[]
  /** What came. */
  readonly requests: { readonly url: string | undefined; readonly headers: IncomingHttpHeaders }[]
  stop(): void
}

export interface ApplicationOptions {
  readonly tls?: ServerCertificate
  /** A Unix socket to listen on, in place of a port of loopback. */
  readonly path?: string
}

/**
 * Requests to `/now` are answered at once, `/events` begins an event stream that never ends, a WebSocket gets its text
 * back, and all else waits for the test.
 */
export async function startApplication(
  t: Test,
  { tls, path }: ApplicationOptions = {},
): Promise<Application> {
  const held: ServerResponse[] = []
  const requests: Application['requests'] = []
  const sockets = new Set<Socket>()
  const server = tls === undefined ? http.createServer() : https.createServer(tls)
  server.on('request', (request, response) => {
    requests.push({ url: request.url, headers: request.headers })
    request.resume()
    if (request.url?.startsWith('/now')) response.end('hello')
    else if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: one\n\n')
    } else held.push(response)
  })
  server.on('upgrade', (request, socket: Socket) => speakWebSocket(request.headers, socket))
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
  await once(server, 'listening')
  const stop = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(stop)
  const { port } = server.address() as AddressInfo
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  return { origin: path === undefined ? origin : `unix:${path}`, held, requests, stop }
}

/** RFC 6455, for short texts that come in one frame: what is said comes back. */
function speakWebSocket(headers: IncomingHttpHeaders, socket: Socket): void {
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = createHash('sha1').update(key).digest('base64')
  socket.on('error', () => {})
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  socket.on('data', (frame: Buffer) => {
    // Of a client every frame is masked, with the four bytes before the text.
    const [mask, text] = [frame.subarray(2, 6), frame.subarray(6)]
    const plain = text.map((byte, at) => byte ^ (mask[at % 4] ?? 0))
    socket.write(Buffer.from([frame[0] ?? 0, plain.length, ...plain]))
    // A close is answered with a close, and then the server is the one who ends the connection.
    if (((frame[0] ?? 0) & 0x0f) === 8) socket.end()
  })
}

export interface Proxied extends Reloaded {
  /** Where the world reaches the application. */
  readonly proxy: string
  /** The configuration with another proxy, and more beside it. */
  config(proxy: object, more?: object): object
  ask(path: string, options?: Ask): Promise<HttpAnswer>
  metrics(): Promise<string>
}

/**
 * Starts a sidecar with a proxy on loopback and one secret, and waits until it is ready.
 *
 * @param proxy `proxy` of the configuration; without an access log, as paths with a test's words would be in it
 */
export async function startProxied(
  t: Test,
  { origin }: Application,
  proxy: object = {},
  more: object = {},
): Promise<Proxied> {
  const config: Proxied['config'] = (proxy, more) => ({
    api: { listen: '127.0.0.1:0' },
    providers: { local: { type: 'env', prefix: 'APP_' } },
    secrets: { password: { provider: 'local', key: 'PASSWORD', required: true } },
    proxy: { listen: '127.0.0.1:0', upstream: origin, access: { log: 'none' }, ...proxy },
    ...more,
  })
  const reloaded = await startReloaded(t, config(proxy, more), { APP_PASSWORD: 'CANARY-password' })
  const { proxy: address } = await reloaded.sidecar.says(ready)
  return {
    ...reloaded,
    proxy: String(address),
    config,
    ask: (path, options) => ask(String(address), path, { headers: {}, ...options }),
    metrics: async () => (await reloaded.sidecar.ask('/metrics')).text,
  }
}
