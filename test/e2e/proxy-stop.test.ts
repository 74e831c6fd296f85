import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import t, { type Test } from 'tap'
import { startApplication, startProxied } from '../support/e2e-application.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'

/** A WebSocket that is open, and the end of it. */
async function openSocket(t: Test, proxy: string) {
  const socket = new WebSocket(proxy.replace('http:', 'ws:'))
  t.teardown(() => socket.close())
  const closed = once(socket, 'close')
  await inTime('the WebSocket to open', once(socket, 'open'))
  const said = async (text: string): Promise<unknown> => {
    const answer = once(socket, 'message')
    socket.send(text)
    const [message] = await inTime('an answer', answer)
    return (message as MessageEvent).data
  }
  return { said, closed }
}

/** An event stream whose first event has come. */
async function openStream(t: Test, proxy: string) {
  const call = request(`${proxy}/events`, { agent: false }).end()
  t.teardown(() => call.destroy())
  const [stream] = (await once(call, 'response')) as [IncomingMessage]
  const ended = new Promise<string>((resolve) => {
    stream.once('end', () => resolve('whole'))
    stream.once('error', () => resolve('cut'))
  })
  const [event] = await once(stream.setEncoding('utf8'), 'data')
  return { stream, event: String(event), ended }
}

t.test('a WebSocket goes through', async (t) => {
  const application = await startApplication(t)
  const { proxy } = await startProxied(t, application, {
    // No place is taken by what has become one.
    concurrency: { max: 1, queue: 0 },
  })
  const first = await openSocket(t, proxy)
  const second = await openSocket(t, proxy)
  t.equal(await first.said('one'), 'one')
  t.equal(await second.said('two'), 'two')
})

t.test('on SIGTERM what never ends goes on until the deadline, and not beyond it', async (t) => {
  const application = await startApplication(t)
  const shutdown = { timeout: '5s', notice: '200ms' }
  const { proxy, sidecar } = await startProxied(t, application, {}, { shutdown })
  const socket = await openSocket(t, proxy)
  const { stream, event, ended } = await openStream(t, proxy)
  t.equal(event, 'data: one\n\n')
  const from = performance.now()
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  await eventually('no new connection', async () => {
    const late = request(`${proxy}/now`, { agent: false }).end()
    return await Promise.race([
      once(late, 'response').then(([response]) => {
        ;(response as IncomingMessage).resume()
        return false
      }),
      once(late, 'error').then(([error]) => (error as { code?: string }).code === 'ECONNREFUSED'),
    ]).catch(() => true)
  })
  t.equal(await socket.said('still there'), 'still there')
  t.notOk(stream.destroyed)
  t.match(await sidecar.child.ended(), { code: 0, signal: null })
  const took = performance.now() - from
  t.ok(took > 3_900 && took < 5_000, `the proxy has 80 % of shutdown.timeout (${Math.round(took)} ms)`)
  t.equal(await ended, 'cut', 'its end is not there')
  await socket.closed
  t.match(sidecar.logged('requests under way to the application were cut at the deadline'), [
    { level: 'warn', requests: 2 },
  ])
})

t.test('on SIGTERM newcomers are answered for as long as load balancers take to notice', async (t) => {
  const application = await startApplication(t)
  const more = { ops: { listen: '127.0.0.1:0' }, shutdown: { notice: '5s' } }
  const { ask, sidecar } = await startProxied(t, application, {}, more)
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  t.equal((await fetch(`${sidecar.ops}/readyz`)).status, 503)
  const answer = await ask('/now')
  t.equal(answer.status, 200)
  t.equal(answer.headers.connection, 'close')
  t.notOk(sidecar.child.isGone)
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 1 }, 'a second signal does not wait for it')
})
