import t from 'tap'
import { startProxy } from './support/proxy.ts'
import { connectTo } from './support/raw-client.ts'
import { standsStill } from './support/stands-still.ts'
import { startUpstream } from './support/upstream.ts'

const total = 128 * 1024 * 1024
/** What the operating system may hold between a writer and a reader, on both sides of the proxy. */
const inTransit = 48 * 1024 * 1024
const piece = Buffer.alloc(64 * 1024, 'x')

t.test('a client that does not read holds the application back, and loses nothing', async (t) => {
  let written = 0
  const { origin } = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': total })
    const write = (): void => {
      while (written < total) {
        written += piece.length
        if (!response.write(piece)) return
      }
      response.end()
    }
    response.on('drain', write)
    write()
  })
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.socket.removeAllListeners('data').setEncoding('latin1').pause()
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  while (written === 0) await new Promise(setImmediate)
  const held = await standsStill(() => written)
  t.ok(held < inTransit, `${held} bytes`)
  let read = 0
  const { promise: all, resolve } = Promise.withResolvers<void>()
  client.socket.on('data', (text: string) => {
    read += text.length
    if (read >= total) resolve()
  })
  client.socket.resume()
  await all
  t.equal(written, total)
})

t.test('an application that does not read holds the client back, and gets everything', async (t) => {
  let received = 0
  const { promise: asked, resolve: ask } = Promise.withResolvers<() => void>()
  const { origin } = await startUpstream(t, (request, response) => {
    ask(() => {
      request.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      request.on('end', () => response.end('thanks'))
    })
  })
  const { port } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`)
  let written = 0
  const write = (): void => {
    while (written < total) {
      written += piece.length
      if (!client.socket.write(piece)) return
    }
  }
  client.socket.on('drain', write)
  write()
  const read = await asked
  const held = await standsStill(() => written)
  t.ok(held < inTransit, `${held} bytes`)
  read()
  t.match(await client.response(), { status: 200, body: 'thanks' })
  t.equal(received, total)
})
