/** Two ends of a connection that are slower than what is between them. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'

export interface Pace {
  /** How long nothing is read at first, so that every buffer on the way fills up, in milliseconds. */
  readonly stallMs: number
  /** And then. */
  readonly bytesPerSecond: number
}

const piece = Buffer.alloc(65_536, 'x')

/** As fast as it is taken. */
function* pieces(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= piece.length)
    yield left < piece.length ? piece.subarray(0, left) : piece
}

/** @returns how many bytes there were */
async function readSlowly(stream: Readable, { stallMs, bytesPerSecond }: Pace): Promise<number> {
  await pause(stallMs)
  const began = performance.now()
  let bytes = 0
  for await (const data of stream as AsyncIterable<Buffer>) {
    bytes += data.length
    const ahead = (bytes / bytesPerSecond) * 1_000 - (performance.now() - began)
    // A timer is not finer than this.
    if (ahead > 2) await pause(ahead)
  }
  return bytes
}

export interface SlowUpstream {
  readonly port: number
  stop(): Promise<void>
}

/** `GET /N` answers with N bytes; a POST is read at the pace, and answered with how many bytes it had. */
export async function startSlowUpstream(pace: Pace): Promise<SlowUpstream> {
  const server = createServer(async (request, response) => {
    try {
      if (request.method === 'POST') {
        response.end(String(await readSlowly(request, pace)))
        return
      }
      const bytes = Number(request.url?.slice(1))
      response.setHeader('content-length', bytes)
      await pipeline(Readable.from(pieces(bytes)), response)
    } catch {
      // Whoever asked is told by the connection, and the proxy that cut it by the wrong count.
      response.destroy()
    }
  })
  // Uploads take as long as they take.
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    async stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** @returns how many bytes arrived */
export async function downloadSlowly(url: string, bytes: number, pace: Pace): Promise<number> {
  const asked = request(`${url}/${bytes}`, { agent: false }).end()
  const [response] = (await once(asked, 'response')) as [Readable]
  return readSlowly(response, pace)
}

/** @returns how many bytes the upstream got */
export async function upload(url: string, bytes: number): Promise<number> {
  const asked = request(url, { agent: false, method: 'POST', headers: { 'content-length': bytes } })
  const answered = once(asked, 'response') as Promise<[Readable]>
  await Promise.all([answered, pipeline(Readable.from(pieces(bytes)), asked)])
  const [response] = await answered
  return Number((await response.setEncoding('utf8').toArray()).join(''))
}
