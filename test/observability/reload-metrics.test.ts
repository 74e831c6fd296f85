import t from 'tap'
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts'
import { ProxyCells } from '../../src/observability/proxy-cells.ts'
import { metric } from '../support/e2e-metrics.ts'

function metricsOf(...providers: string[]): Metrics {
  const cache = { statuses: () => [], stats: () => ({ entries: 0, bytes: 0 }) }
  return createMetrics({ version: '0.0.0-test', providers, cache, configuredAt: 1_000_000 })
}

async function scrape(metrics: Metrics): Promise<string> {
  return (await metrics.render()).body
}

const called = (provider: string) => ({ provider, outcome: 'ok' as const, durationMs: 1 })

t.test('changes of the configuration are counted by how they ended', async (t) => {
  const metrics = metricsOf()
  const count = async (outcome: string) =>
    metric(await scrape(metrics), 'sidekeep_config_reload_total', { outcome })
  const success = async () =>
    metric(await scrape(metrics), 'sidekeep_config_last_reload_success_timestamp_seconds')
  for (const outcome of ['applied', 'unchanged', 'invalid', 'failed']) t.equal(await count(outcome), 0)
  t.equal(await success(), 1_000)
  metrics.reloaded('invalid', 2_000_000)
  metrics.reloaded('failed', 2_000_000)
  t.equal(await success(), 1_000, 'a failure is no success')
  metrics.reloaded('unchanged', 3_000_000)
  t.equal(await success(), 3_000)
  metrics.reloaded('applied', 4_000_000)
  t.equal(await success(), 4_000)
  for (const outcome of ['applied', 'unchanged', 'invalid', 'failed']) t.equal(await count(outcome), 1)
})

t.test('a change that is not in force is shown until one is that follows', async (t) => {
  const metrics = metricsOf()
  const failing = async () => metric(await scrape(metrics), 'sidekeep_config_reload_failing')
  t.equal(await failing(), 0)
  for (const [outcome, expected] of [
    ['invalid', 1],
    ['unchanged', 0],
    ['failed', 1],
    ['applied', 0],
  ] as const) {
    metrics.reloaded(outcome, 2_000_000)
    t.equal(await failing(), expected, outcome)
  }
})

t.test('a provider that is removed is shown no longer, even if a call to it ends later', async (t) => {
  const metrics = metricsOf('a', 'b')
  metrics.called(called('a'))
  metrics.called(called('b'))
  metrics.providersChanged(['b', 'c'], [])
  metrics.called(called('a'))
  metrics.breakerChanged({ provider: 'a', cause: 'unavailable', open: true, nextProbeMs: 1 })
  metrics.listShrank({ provider: 'a', held: 2, vanished: 2, believed: false })
  const text = await scrape(metrics)
  t.notMatch(text, 'provider="a"')
  t.equal(metric(text, 'sidekeep_refresh_total', { provider: 'b', outcome: 'ok' }), 1)
  t.equal(metric(text, 'sidekeep_provider_up', { provider: 'c' }), 0)
  metrics.providersChanged(['a'], [])
  metrics.called(called('a'))
  const back = await scrape(metrics)
  t.equal(metric(back, 'sidekeep_refresh_total', { provider: 'a', outcome: 'ok' }), 1, 'it begins anew')
})

t.test(
  'a provider that is replaced keeps its counts; its breaker is another one, and it is up once it has answered',
  async (t) => {
    const metrics = metricsOf('a')
    metrics.called(called('a'))
    metrics.breakerChanged({ provider: 'a', cause: 'denied', open: true, nextProbeMs: 1 })
    t.equal(metric(await scrape(metrics), 'sidekeep_provider_up', { provider: 'a' }), 1)
    metrics.providersChanged(['a'], ['a'])
    const text = await scrape(metrics)
    t.equal(metric(text, 'sidekeep_provider_up', { provider: 'a' }), 0)
    t.equal(metric(text, 'sidekeep_refresh_total', { provider: 'a', outcome: 'ok' }), 1)
    t.equal(metric(text, 'sidekeep_provider_circuit_open', { provider: 'a', cause: 'denied' }), 0)
  },
)

t.test('the proxy shows in the metrics from when there is one, with the limits that there are', async (t) => {
  const metrics = metricsOf()
  t.notMatch(await scrape(metrics), 'sidekeep_proxy_')
  const cells = new ProxyCells([{ name: 'one', mode: 'enforce' }], ['reset'], [])
  metrics.proxy = cells
  cells.limited({ limit: 'one' })
  t.equal(metric(await scrape(metrics), 'sidekeep_proxy_limited_total', { limit: 'one' }), 1)
  cells.limitsChanged([
    { name: 'one', mode: 'enforce' },
    { name: 'two', mode: 'shadow' },
  ])
  cells.limited({ limit: 'one' })
  t.equal(metric(await scrape(metrics), 'sidekeep_proxy_limited_total', { limit: 'one' }), 2)
  cells.limitsChanged([
    { name: 'one', mode: 'shadow' },
    { name: 'two', mode: 'shadow' },
  ])
  const text = await scrape(metrics)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'one', mode: 'shadow' }), 0)
  t.equal(metric(text, 'sidekeep_proxy_limited_total', { limit: 'one', mode: 'enforce' }), undefined)
})

t.test('a proxy that is being left counts with the one in its place, until it is closed', async (t) => {
  const cells = new ProxyCells([], [], [])
  const look = (inFlight: number, keys: number) => () => ({
    inFlight,
    queueDepth: 1,
    limitKeys: [{ limit: 'all', keys }],
  })
  const end = cells.gauges(look(2, 10))
  cells.gauges(look(3, 5))
  t.same(cells.readGauges(), { inFlight: 5, queueDepth: 2, limitKeys: [{ limit: 'all', keys: 15 }] })
  end()
  t.same(cells.readGauges(), { inFlight: 3, queueDepth: 1, limitKeys: [{ limit: 'all', keys: 5 }] })
})
