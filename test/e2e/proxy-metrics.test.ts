import t from 'tap'
import { canaryGuard } from '../support/canary.ts'
import { startApplication, startProxied } from '../support/e2e-application.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { outcomes, requestText } from '../support/raw-http.ts'

/** Type and labels of each; all that there is of the proxy. */
const known: Readonly<Record<string, readonly [type: string, ...labels: string[]]>> = {
  sidekeep_proxy_requests_total: ['counter', 'method', 'status'],
  sidekeep_proxy_request_duration_seconds: ['histogram', 'le'],
  sidekeep_proxy_upstream_duration_seconds: ['histogram', 'le'],
  sidekeep_proxy_in_flight: ['gauge'],
  sidekeep_proxy_queue_depth: ['gauge'],
  sidekeep_proxy_limited_total: ['counter', 'limit', 'mode'],
  sidekeep_proxy_limit_store_errors_total: ['counter', 'reason'],
  sidekeep_proxy_limit_keys: ['gauge', 'limit'],
  sidekeep_proxy_upstream_errors_total: ['counter', 'reason'],
  sidekeep_proxy_upgrades_total: ['counter'],
  sidekeep_proxy_received_bytes_total: ['counter'],
  sidekeep_proxy_sent_bytes_total: ['counter'],
}

/** The lines of the proxy's own metrics. */
function ofProxy(text: string): string[] {
  return text.split('\n').filter((line) => line.includes('sidekeep_proxy_'))
}

/** The labels of all samples of a metric, by name. */
function labelsOf(text: string, name: string): string[] {
  const samples = text.split('\n').filter((line) => !line.startsWith('#') && line.startsWith(name))
  return [...new Set(samples.flatMap((line) => line.match(/[a-z]+(?==")/g) ?? []))].sort()
}

t.test('each metric of the proxy has its type and its labels, and there is no other', async (t) => {
  const application = await startApplication(t)
  const limits = [{ name: 'all', rate: '1000/s' }]
  const { ask, metrics } = await startProxied(t, application, { limits })
  await ask('/now')
  const text = await metrics()
  const types = new Map(
    [...text.matchAll(/^# TYPE (sidekeep_proxy_\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
  )
  t.strictSame(
    Object.fromEntries(types),
    Object.fromEntries(Object.entries(known).map(([name, [type]]) => [name, type])),
  )
  for (const [name, [type, ...labels]] of Object.entries(known)) {
    t.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
    t.equal(
      name.endsWith('_total'),
      type === 'counter',
      `${name}: a counter, and nothing else, ends with _total`,
    )
    t.strictSame(labelsOf(text, name), labels.toSorted(), name)
  }
})

t.test('what can go wrong is 0 before the first time', async (t) => {
  const { metrics } = await startProxied(t, await startApplication(t), {
    limits: [
      { name: 'all', rate: '1/s' },
      { name: 'tried', rate: '1/s', mode: 'shadow' },
    ],
  })
  const text = await metrics()
  const zero = (name: string, labels: Readonly<Record<string, string>> = {}): void => {
    t.equal(metric(text, name, labels), 0, `${name} ${JSON.stringify(labels)}`)
  }
  zero('sidekeep_proxy_limited_total', { limit: 'all', mode: 'enforce' })
  zero('sidekeep_proxy_limited_total', { limit: 'tried', mode: 'shadow' })
  for (const reason of [
    'connect',
    'connect_timeout',
    'headers_timeout',
    'idle_timeout',
    'request_timeout',
    'reset',
    'protocol',
  ]) {
    zero('sidekeep_proxy_upstream_errors_total', { reason })
  }
  for (const reason of ['unreachable', 'timeout', 'error'])
    zero('sidekeep_proxy_limit_store_errors_total', { reason })
  zero('sidekeep_proxy_upgrades_total')
  zero('sidekeep_proxy_in_flight')
})

t.test('nothing that clients send becomes a label', async (t) => {
  const guard = canaryGuard(t)
  const application = await startApplication(t)
  const { proxy, ask, metrics } = await startProxied(t, application, {
    limits: [
      { name: 'keys', key: ['header:X-Api-Key', 'cookie:session', 'path', 'client-ip'], rate: '1/h' },
      { name: 'shadow', key: 'header:X-Api-Key', rate: '1/h', mode: 'shadow' },
    ],
  })
  const port = Number(new URL(proxy).port)
  for (const [line, header] of [
    ['CANARY / HTTP/1.1', 'Host: a'],
    ['GET /now HTTP/1.1', 'Host: CANARY host'],
    ['GET //CANARY-path HTTP/1.1', 'Host: a'],
    ['GET /CANARY-path/.. HTTP/1.1', 'Host: a'],
    ['GET /now HTTP/1.1', 'Host: a\r\nCANARY-broken'],
  ] as const) {
    t.match(await outcomes(port, requestText([line, header])), [/^400 SIDEKEEP_/])
  }
  t.equal((await ask('/now?q=CANARY-query', { method: 'PROPFIND' })).status, 200)
  t.equal((await ask('/now')).status, 429, 'which has the same key')
  const before = ofProxy(await metrics()).length
  for (let at = 0; at < 20; at += 1) {
    const headers = {
      'x-api-key': `CANARY-key-${at}"}\\`,
      cookie: `session=CANARY-session-${at}`,
      'x-forwarded-for': '2001:db8::1',
    }
    const path = `/now/CANARY-path-${at}?q=CANARY-query`
    t.equal((await ask(path, { headers })).status, 200)
    t.equal((await ask(path, { headers })).status, 429)
  }
  const text = await metrics()
  guard.noLeak('the metrics', text)
  t.notMatch(text, /2001:db8|\/now|propfind/i)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'keys', mode: 'enforce' }), 21)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '429' }), 21)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'other', status: '200' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_limit_keys', { limit: 'keys' }), 21)
  t.equal(ofProxy(text).length, before + 1, 'the one line that is new is that of GET and 200')
})

t.test('requests that are under way or wait, upgrades and bytes are counted', async (t) => {
  const application = await startApplication(t)
  const { proxy, ask, metrics } = await startProxied(t, application, {
    concurrency: { max: 1, queue: 1, queueTimeout: '1m' },
  })
  const first = ask('/held', { method: 'POST', body: 'twelve bytes' })
  await eventually('the request', () => application.held.length === 1)
  const second = ask('/now')
  await eventually('a queue', async () => metric(await metrics(), 'sidekeep_proxy_queue_depth') === 1)
  t.equal((await ask('/now')).status, 503)
  t.equal(metric(await metrics(), 'sidekeep_proxy_in_flight'), 2)
  application.held[0]?.end('hello')
  t.equal((await first).text, 'hello')
  t.equal((await second).text, 'hello')

  const socket = new WebSocket(proxy.replace('http:', 'ws:'))
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  socket.close()
  await new Promise((resolve) => socket.addEventListener('close', resolve, { once: true }))
  application.stop()
  t.equal((await ask('/now')).status, 502)

  const text = await metrics()
  t.equal(metric(text, 'sidekeep_proxy_in_flight'), 0)
  t.equal(metric(text, 'sidekeep_proxy_queue_depth'), 0)
  t.equal(metric(text, 'sidekeep_proxy_upgrades_total'), 1)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '101' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_requests_total', { method: 'GET', status: '503' }), 1)
  t.ok((metric(text, 'sidekeep_proxy_received_bytes_total') ?? 0) >= 12)
  t.ok((metric(text, 'sidekeep_proxy_sent_bytes_total') ?? 0) >= 10)
  t.equal(metric(text, 'sidekeep_proxy_upstream_errors_total', { reason: 'connect' }), 1)
  t.equal(
    metric(text, 'sidekeep_proxy_upstream_duration_seconds_count'),
    3,
    'of the two answers and the upgrade',
  )
})
