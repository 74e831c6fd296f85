/** Changes of `proxy` while it runs, at the same address. */
import t from 'tap'
import { startApplication, startProxied } from '../support/e2e-application.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'

const once = { name: 'all', rate: '1/h', burst: 1 }

t.test('another burst or rate holds from the next request on', async (t) => {
  const { ask, change, config, sidecar } = await startProxied(t, await startApplication(t), {
    limits: [once],
  })
  t.equal((await ask('/now')).status, 200)
  const refused = await ask('/now')
  t.equal(refused.status, 429)
  t.equal(refused.headers['ratelimit-policy'], '"all";q=1;w=3600')
  await change(config({ limits: [{ ...once, burst: 2 }] }))
  t.equal((await ask('/now')).status, 200)
  const last = await ask('/now')
  t.equal(last.status, 200)
  t.equal(last.headers['ratelimit-policy'], '"all";q=2;w=7200')
  t.equal((await ask('/now')).status, 429)
  await change(config({ limits: [] }))
  const free = await ask('/now')
  t.equal(free.status, 200)
  t.equal(free.headers['ratelimit-policy'], undefined)
  t.equal((await sidecar.ask('/readyz')).status, 200)
})

t.test('a limit that is tried out refuses nobody, and remembers who owes it', async (t) => {
  const { ask, change, config, metrics } = await startProxied(t, await startApplication(t), {
    limits: [once],
  })
  t.equal((await ask('/now')).status, 200)
  t.equal((await ask('/now')).status, 429)
  await change(config({ limits: [{ ...once, mode: 'shadow' }] }))
  t.equal((await ask('/now')).status, 200)
  const text = await metrics()
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'all', mode: 'shadow' }), 1)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'all', mode: 'enforce' }), undefined)
  await change(config({ limits: [once] }))
  t.equal((await ask('/now')).status, 429, 'what it owed it owes still')
})

t.test('changes beside the limits give nobody a new burst', async (t) => {
  const application = await startApplication(t)
  const { ask, change, config } = await startProxied(t, application, { limits: [once] })
  t.equal((await ask('/now')).status, 200)
  await change(
    config({ limits: [once], exempt: ['/now/free'], timeouts: { headers: '5s' }, maxBody: '1KiB' }),
  )
  t.equal((await ask('/now')).status, 429)
  t.equal((await ask('/now/free')).status, 200, 'and hold at once')
  t.equal((await ask('/now/free', { method: 'POST', body: 'x'.repeat(2_000) })).status, 413)
  await change(config({ limits: [{ ...once, rate: '2/h' }] }))
  t.equal((await ask('/now')).status, 200, 'another rate is another limit')
})

t.test('who waits for a place gets it when there are more', async (t) => {
  const application = await startApplication(t)
  const bounds = { max: 1, queue: 1, queueTimeout: '1m' }
  const { ask, change, config, metrics } = await startProxied(t, application, { concurrency: bounds })
  const first = ask('/held')
  await eventually('the first request', () => application.held.length === 1)
  const second = ask('/held')
  await eventually('a queue', async () => metric(await metrics(), 'sidekeep_proxy_queue_depth') === 1)
  await change(config({ concurrency: { ...bounds, max: 2, queue: 0 } }))
  await eventually('the second request', () => application.held.length === 2)
  const third = await ask('/held')
  t.equal(third.status, 503)
  t.equal(third.headers['sidekeep-error'], 'SIDEKEEP_PROXY_BUSY')
  for (const response of application.held) response.end('done')
  t.equal((await first).text, 'done')
  t.equal((await second).text, 'done')
})

t.test('requests go to another application, and those under way end where they began', async (t) => {
  const [former, next] = [await startApplication(t), await startApplication(t)]
  const { ask, change, config } = await startProxied(t, former)
  const begun = ask('/held')
  await eventually('the request', () => former.held.length === 1)
  await change(config({ upstream: next.origin }))
  t.equal((await ask('/now')).text, 'hello')
  t.strictSame(
    [former.requests, next.requests].map((requests) => requests.map(({ url }) => url)),
    [['/held'], ['/now']],
  )
  former.held[0]?.end('late but whole')
  t.equal((await begun).text, 'late but whole')
})
