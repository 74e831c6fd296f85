import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { startApplication } from '../support/e2e-application.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { metric } from '../support/e2e-metrics.ts'
import { simpleConfig, startReadySidecar, startSidecar, token } from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

function configOf(backend: string, application: string, more: object = {}): object {
  const limits = [{ name: 'per-client', rate: '1/m', burst: 2 }]
  return simpleConfig(backend, {
    proxy: { listen: '127.0.0.1:0', upstream: application, limits, exempt: ['/held'], ...more },
  })
}

t.test('the proxy opens when the required secrets are held, and not before', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  await backend.stop()
  const application = await startApplication(t)
  const sidecar = await startSidecar(t, { config: configOf(backend.url, application.origin) })
  await sidecar.says('refresh failed')
  t.equal(sidecar.logged('ready: all required secrets are held').length, 0)
  t.match((await sidecar.ask('/readyz')).text, '[-]listeners failed')

  await backend.start()
  const { proxy } = await sidecar.says('ready: all required secrets are held')
  t.equal((await sidecar.ask('/readyz')).status, 200)
  t.equal((await ask(String(proxy), '/now')).text, 'hello')
})

t.test('what it forwards and what it refuses is in the metrics', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const application = await startApplication(t)
  const sidecar = await startReadySidecar(t, { config: configOf(backend.url, application.origin) })
  const { proxy } = await sidecar.says('ready: all required secrets are held')
  const statuses: number[] = []
  for (let at = 0; at < 3; at += 1) statuses.push((await ask(String(proxy), '/now')).status)
  t.same(statuses, [200, 200, 429])
  const { text } = await sidecar.ask('/metrics')
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '200' }), 2)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '429' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_request_duration_seconds_count'), 3)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'per-client', mode: 'enforce' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_upstream_errors_total', { reason: 'connect' }), 0)
})

t.test('on SIGTERM a request under way is answered before the process ends', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const application = await startApplication(t)
  const sidecar = await startReadySidecar(t, { config: configOf(backend.url, application.origin) })
  const { proxy } = await sidecar.says('ready: all required secrets are held')
  const answer = ask(String(proxy), '/held')
  await eventually('the request to reach the application', () => application.held.length > 0)
  sidecar.child.process.kill('SIGTERM')
  await sidecar.says('stopping')
  for (const response of application.held) response.end('late but whole')
  t.equal((await answer).text, 'late but whole')
  t.equal((await sidecar.child.exited).code, 0)
})

t.test('a port that is taken ends it with the name of the listener and the remedy', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const application = await startApplication(t)
  const taken = createTcpServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  const sidecar = await startSidecar(t, { config: configOf(backend.url, application.origin, { listen }) })
  t.equal((await sidecar.child.exited).code, 1)
  t.match(sidecar.child.stderr, `The listener "proxy" cannot listen on http://${listen}`)
  t.match(sidecar.child.stderr, 'proxy.listen')
})
