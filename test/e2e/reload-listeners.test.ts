/** Changes of the configuration while the sidecar runs: listeners, and what callers meet there. */
import { once } from 'node:events'
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { metric } from '../support/e2e-metrics.ts'
import { configFile, folderOf, launchSidecar, simpleConfig, token } from '../support/process-sidecar.ts'
import { applied, ready, startReloaded } from '../support/reloaded-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const
const path = '/v1/secrets/db-password'

/** One address, asked again and again on a connection that is kept. */
function caller(t: Test, address: string): () => Promise<{ status: number; local: number | undefined }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async () => {
    const sent = get(`${address}${path}`, { agent, headers: { 'x-sidekeep-request': 'true' } })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const local = response.socket.localPort
    await textOf(response)
    return { status: response.statusCode ?? 0, local }
  }
}

/** An application that answers when the test says so; requests to `/now` at once with its name. */
async function startApplication(t: Test, name: string): Promise<{ url: string; held: ServerResponse[] }> {
  const held: ServerResponse[] = []
  const server = createServer((request, response) => {
    if (request.url === '/now') response.end(name)
    else held.push(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, held }
}

t.test('api moves to another address, and callers of the former one are told to leave', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const former = sidecar.api
  const ask = caller(t, former)
  t.equal((await ask()).status, 200)
  const line = await change(simpleConfig(backend.url, { api: { listen: '127.0.0.2:0' } }))
  t.match(line, { options: ['api.listen'], api: /^http:\/\/127\.0\.0\.2:\d+$/ })
  t.equal((await sidecar.ask(path)).status, 200, 'at the new address')
  t.match(await ask(), { status: 200 }, 'on a connection that is still open')
  await eventually('the former address to close', () =>
    ask().then(
      () => false,
      () => true,
    ),
  )
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
})

t.test('who waits at an address that is left is let go, and event streams there end', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const former = sidecar.api
  const etag = String((await sidecar.ask(path)).headers.etag)
  const headers = { 'x-sidekeep-request': 'true', 'if-none-match': etag }
  const waiting = ask(former, `${path}?wait=50s`, { headers })
  const stream = ask(former, '/v1/events')
  await eventually('both to be there', async () => {
    const { text } = await sidecar.ask('/metrics')
    const [callers, streams] = ['sidekeep_waiting_requests', 'sidekeep_event_streams']
    return metric(text, callers) === 1 && metric(text, streams) === 1
  })
  await change(simpleConfig(backend.url, { api: { listen: '127.0.0.2:0' } }))
  t.equal((await waiting).status, 304)
  t.equal((await stream).status, 200)
})

t.test('ops comes, moves and goes, and api is not touched', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const stay = caller(t, sidecar.api)
  const { local } = await stay()
  await change(simpleConfig(backend.url, { ops: { listen: '127.0.0.1:0' } }))
  const first = sidecar.ops
  t.equal((await ask(first, '/readyz', { headers: {} })).status, 200)
  await change(simpleConfig(backend.url, { ops: { listen: '127.0.0.2:0' } }))
  t.equal((await ask(sidecar.ops, '/readyz', { headers: {} })).status, 200)
  await eventually('the former ops to close', () =>
    ask(first, '/readyz', { headers: {} }).then(
      () => false,
      () => true,
    ),
  )
  const last = sidecar.ops
  await change(simpleConfig(backend.url))
  await eventually('ops to close', () =>
    ask(last, '/readyz', { headers: {} }).then(
      () => false,
      () => true,
    ),
  )
  t.match(await stay(), { status: 200, local }, 'its connection is the same')
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('the door, the limits and the log level change under the connections', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const stay = caller(t, sidecar.api)
  const { local } = await stay()
  const foreign = { headers: { 'x-sidekeep-request': 'true', host: 'secrets.internal' } }
  t.equal((await sidecar.ask(path, foreign)).status, 421)
  t.equal((await sidecar.ask(path, { headers: {} })).status, 401)
  t.match((await sidecar.ask('/openapi.json')).text, 'X-Sidekeep-Request')

  await change(
    simpleConfig(backend.url, {
      api: { listen: '127.0.0.1:0', access: 'open', hosts: ['secrets.internal'], maxConnections: 1 },
      log: { level: 'debug' },
    }),
  )
  t.match(await stay(), { status: 200, local })
  const events = get(`${sidecar.api}/v1/events`, { agent: false })
  t.teardown(() => events.destroy())
  await once(events, 'response')
  t.equal((await sidecar.ask(path)).status, 503, 'a second that is worked for is one too many')
  t.match((await sidecar.ask(path)).json(), { code: 'SIDEKEEP_TOO_MANY_CONNECTIONS' })
  await eventually('a debug line', () => sidecar.logged('provider called').length > 0)

  await change(
    simpleConfig(backend.url, {
      api: { listen: '127.0.0.1:0', access: 'open', hosts: ['secrets.internal'] },
    }),
  )
  t.equal((await sidecar.ask(path, { headers: { host: 'secrets.internal' } })).status, 200)
  await change(simpleConfig(backend.url))
  t.equal((await sidecar.ask(path, foreign)).status, 421)
  t.equal((await sidecar.ask(path, { headers: {} })).status, 401)
})

t.test('api moves to a Unix socket, whose mode can change while it is open', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const socket = join(folderOf(t), 'api.sock')
  await change(simpleConfig(backend.url, { api: { listen: `unix:${socket}` } }))
  t.equal(lstatSync(socket).mode & 0o777, 0o660)
  await change(simpleConfig(backend.url, { api: { listen: `unix:${socket}`, socketMode: '0600' } }))
  t.equal(lstatSync(socket).mode & 0o777, 0o600)
  t.equal((await sidecar.ask(path)).status, 200)
  await change(simpleConfig(backend.url))
  await eventually('the socket to go', () => !existsSync(socket))
  t.equal((await sidecar.ask(path)).status, 200)
})

t.test('the proxy goes on behind its address: other limits, another application', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const [first, second] = [await startApplication(t, 'first'), await startApplication(t, 'second')]
  const slow = { name: 'slow', rate: '1/h', burst: 2 }
  const limited = { name: 'per-client', rate: '1/h', burst: 3 }
  const configOf = (upstream: string, limits: object[]): object =>
    simpleConfig(backend.url, { proxy: { listen: '127.0.0.1:0', upstream, limits, exempt: ['/held'] } })
  const { sidecar, change } = await startReloaded(t, configOf(first.url, [limited]))
  const proxy = String((await sidecar.says(ready)).proxy)
  const statuses = async (count: number): Promise<number[]> => {
    const all: number[] = []
    for (let at = 0; at < count; at += 1) all.push((await ask(proxy, '/now')).status)
    return all
  }
  t.same(await statuses(2), [200, 200])
  const held = ask(proxy, '/held')
  await eventually('a request that the application holds', () => first.held.length === 1)

  await change(configOf(second.url, [limited]))
  const answer = await ask(proxy, '/now')
  t.match(answer, { status: 200, text: 'second' }, 'the third of three')
  t.equal((await ask(proxy, '/now')).status, 429, 'what was spent before is spent')
  first.held[0]?.end('held by the first')
  t.match(await held, { status: 200, text: 'held by the first' }, 'what was under way ends where it began')

  await change(configOf(second.url, [slow]))
  t.same(await statuses(3), [200, 200, 429], 'another limit begins anew')
  const { text } = await sidecar.ask('/metrics')
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'slow' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'per-client' }), undefined)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '429' }), 2)
})

t.test('a proxy comes, moves and goes; what was let in is answered', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const application = await startApplication(t, 'application')
  const at = (listen: string): object =>
    simpleConfig(backend.url, { proxy: { listen, upstream: application.url } })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  const before = (await sidecar.ask('/metrics')).text
  t.equal(metric(before, 'sidekeep_proxy_requests_total'), undefined)
  const first = String((await change(at('127.0.0.1:0'))).proxy)
  t.equal((await ask(first, '/now')).text, 'application')
  t.equal((await sidecar.ask('/readyz')).status, 200)

  const held = ask(first, '/held')
  await eventually('a request that the application holds', () => application.held.length === 1)
  const second = String((await change(at('127.0.0.2:0'))).proxy)
  t.equal((await ask(second, '/now')).text, 'application')
  application.held[0]?.end('answered all the same')
  t.equal((await held).text, 'answered all the same')
  await t.rejects(ask(first, '/now'), { code: 'ECONNREFUSED' })

  await change(simpleConfig(backend.url))
  await eventually('the proxy to close', () =>
    ask(second, '/now').then(
      () => false,
      () => true,
    ),
  )
  const after = (await sidecar.ask('/metrics')).text
  t.equal(
    metric(after, 'sidekeep_proxy_requests_total', { method: 'GET', status: '200' }),
    3,
    'its counters stay',
  )
})

t.test('a proxy that is added before the sidecar is ready opens when it is', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  await backend.stop()
  const application = await startApplication(t, 'application')
  const file = configFile(t, simpleConfig(backend.url))
  const sidecar = launchSidecar(t, ['--config', file], { env: { AUTH_TOKEN: token } })
  await sidecar.says('refresh failed')
  writeFileSync(
    file,
    JSON.stringify(
      simpleConfig(backend.url, { proxy: { listen: '127.0.0.1:0', upstream: application.url } }),
    ),
  )
  t.equal((await sidecar.says(applied)).proxy, undefined)
  t.match((await sidecar.ask('/readyz')).text, '[-]listeners failed')
  await backend.start()
  const { proxy } = await sidecar.says(ready)
  t.equal((await ask(String(proxy), '/now')).text, 'application')
})

t.test('the time that a stop may take is that of the configuration in force', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const { sidecar, change } = await startReloaded(t, simpleConfig(backend.url))
  // An idle connection alone is given half a second to leave.
  await caller(t, sidecar.api)()
  await change(simpleConfig(backend.url, { shutdown: { timeout: '400ms', linger: '300ms' } }))
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 1 })
  t.match(sidecar.log.at(-1), { err: { message: /within 400 ms/ } })
})
