import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createProxy } from '../../src/proxy/server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { configOf, noValues, Observed, startProxy } from './support/proxy.ts'
import { connectTo } from './support/raw-client.ts'
import { startEcho, startUpstream } from './support/upstream.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** An application whose answers the test gives. */
async function startSlow(t: Test) {
  const waiting: ServerResponse[] = []
  let wake = () => {}
  const { origin } = await startUpstream(t, (_request, response) => {
    waiting.push(response)
    wake()
  })
  const next = async (): Promise<ServerResponse> => {
    for (;;) {
      const response = waiting.shift()
      if (response !== undefined) return response
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { origin, next }
}

t.test('what is in flight is answered, and told that the connection ends', async (t) => {
  const { origin, next } = await startSlow(t)
  const { port, proxy } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(get)
  const response = await next()
  const closed = proxy.close()
  response.end('done')
  const answer = await client.response()
  t.match(answer, { status: 200, body: 'done' })
  t.equal(answer.header('connection'), 'close')
  t.equal(await client.ended, 'end')
  await closed
})

t.test('no further connection is accepted', async (t) => {
  const { origin, next } = await startSlow(t)
  const { port, proxy } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(get)
  const response = await next()
  const closed = proxy.close()
  const late = connect(port, '127.0.0.1')
  const [error] = await once(late, 'error')
  t.equal(error.code, 'ECONNREFUSED')
  response.end()
  await client.response()
  await closed
})

t.test('a request on a connection that was idle is still answered, in a moment of grace', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, clock } = await startProxy(t, { upstream: origin })
  const first = await connectTo(t, port)
  const second = await connectTo(t, port)
  for (const client of [first, second]) {
    client.send(get)
    t.equal((await client.response()).header('connection'), 'keep-alive')
  }
  const closed = proxy.close()
  first.send(get)
  const answer = await first.response()
  t.equal(answer.status, 200)
  t.equal(answer.header('connection'), 'close')
  await clock.advance(1_000)
  t.equal(await second.ended, 'end', 'after the moment it is closed')
  await closed
  t.equal(clock.pending, 0)
})

t.test('while whoever leads clients here takes notice, they are still let in, once each', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, clock } = await startProxy(t, { upstream: origin })
  const idle = await connectTo(t, port)
  idle.send(get)
  await idle.response()
  const closed = proxy.close({ noticeMs: 3_000 })
  await clock.advance(2_999)
  const late = await connectTo(t, port)
  for (const client of [late, idle]) {
    client.send(get)
    const answer = await client.response()
    t.match(answer, { status: 200 }, 'also on a connection that has been idle since')
    t.equal(answer.header('connection'), 'close')
    t.equal(await client.ended, 'end')
  }
  await clock.advance(1)
  await closed
  const [error] = await once(connect(port, '127.0.0.1'), 'error')
  t.equal(error.code, 'ECONNREFUSED')
  t.equal(clock.pending, 0)
})

t.test('a notice that is longer than the time for all ends with that', async (t) => {
  const { origin } = await startEcho(t)
  const { port, proxy, clock } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  const closed = proxy.close({ noticeMs: 3_000, withinMs: 2_000 })
  await clock.advance(2_000)
  t.not(await client.ended, undefined)
  await closed
})

t.test('a connection whose answer had begun before ends with it', async (t) => {
  const { origin, next } = await startSlow(t)
  const { port, proxy, clock } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(get)
  const response = await next()
  response.write('begun, ')
  await client.until('begun, ')
  const closed = proxy.close()
  await clock.advance(1_000)
  response.end('ended')
  await client.until('ended\r\n0\r\n\r\n')
  t.equal(await client.ended, 'end')
  await closed
})

t.test('what never ends is cut at the deadline', async (t) => {
  const { origin, next } = await startSlow(t)
  const { port, proxy, clock, observed } = await startProxy(t, { upstream: origin })
  const client = await connectTo(t, port)
  client.send(get)
  const response = await next()
  response.write('data: for ever\n\n')
  await client.until('for ever')
  const closed = proxy.close({ withinMs: 5_000 })
  await clock.advance(5_000)
  await client.ended
  await closed
  t.notMatch(client.pending, /\r\n0\r\n/, 'its end is not there')
  t.match(observed.answers, [{ status: 499 }])
})

t.test('a proxy that never listened closes, and twice does no harm', async (t) => {
  const log = pino({ level: 'silent' })
  const config = configOf({ upstream: 'http://127.0.0.1:1' })
  const proxy = await createProxy({
    config,
    log,
    clock: new VirtualClock(),
    observer: new Observed(),
    values: noValues,
  })
  await proxy.close()
  await proxy.close()
  t.notOk(proxy.app.server.listening)
})
