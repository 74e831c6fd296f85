import { spawnSync } from 'node:child_process'
import t from 'tap'
import { createMetrics } from '../../src/observability/metrics.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { World } from '../api/support/world.ts'
import { createWorld, pause } from '../api/support/world.ts'

/** The samples of a scrape, by name and labels as they are written. */
async function scrape(world: World): Promise<Map<string, number>> {
  const { text } = await world.get('/metrics')
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, series, value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (series !== undefined) samples.set(series, Number(value))
  }
  return samples
}

t.test('the metrics that dashboards and alerts rely on are there from the first scrape', async (t) => {
  const world = await createWorld(t)
  const { text, headers } = await world.get('/metrics')
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  for (const name of [
    'sidekeep_build_info',
    'sidekeep_ready',
    'sidekeep_secret_last_success_timestamp_seconds',
    'sidekeep_secret_expiry_timestamp_seconds',
    'sidekeep_secret_state',
    'sidekeep_secret_rotations_total',
    'sidekeep_refresh_total',
    'sidekeep_refresh_duration_seconds',
    'sidekeep_provider_up',
    'sidekeep_cache_requests_total',
    'sidekeep_cache_entries',
    'sidekeep_cache_bytes',
    'sidekeep_api_requests_total',
    'sidekeep_api_request_duration_seconds',
    'sidekeep_api_refused_total',
    'sidekeep_connections_cut_total',
    'sidekeep_waiting_requests',
    'sidekeep_event_streams',
    'sidekeep_event_streams_dropped_total',
    'sidekeep_events_total',
    'sidekeep_audit_lines_total',
    'sidekeep_audit_failing',
    'sidekeep_log_redactions_total',
    'sidekeep_config_reload_total',
    'sidekeep_config_last_reload_success_timestamp_seconds',
    'sidekeep_config_reload_failing',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
  ]) {
    t.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'), name)
    t.match(text, new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`, 'm'), name)
  }
  t.notMatch(text, 'CANARY-')
})

t.test('a declared secret shows its state, its last confirmation and its expiry', async (t) => {
  const world = await createWorld(t, { rules: { 'db-password': { maxStaleMs: 3_600_000 } } })
  const start = Date.UTC(2026, 0, 1) / 1_000
  const fresh = await scrape(world)
  t.equal(fresh.get('sidekeep_secret_state{secret="db-password",state="fresh"}'), 1)
  t.equal(fresh.get('sidekeep_secret_state{secret="db-password",state="stale"}'), 0)
  const labels = '{secret="db-password",provider="memory"}'
  t.equal(fresh.get(`sidekeep_secret_last_success_timestamp_seconds${labels}`), start)
  t.equal(fresh.get(`sidekeep_secret_expiry_timestamp_seconds${labels}`), start + 3_600)
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(4_000_000)
  const expired = await scrape(world)
  t.equal(expired.get('sidekeep_secret_state{secret="db-password",state="expired"}'), 1)
  t.equal(expired.get('sidekeep_secret_state{secret="db-password",state="fresh"}'), 0)
})

t.test('calls to providers are counted by outcome, and show whether the provider is up', async (t) => {
  const world = await createWorld(t)
  const outcome = (name: string) => `sidekeep_refresh_total{provider="memory",outcome="${name}"}`
  const before = await scrape(world)
  t.equal(before.get(outcome('ok')), 1)
  t.equal(before.get(outcome('unavailable')), 0, 'shown before it happens')
  t.equal(before.get('sidekeep_provider_up{provider="memory"}'), 1)
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await pause(world)
  await world.refresher.refresh('db-password')
  const down = await scrape(world)
  t.equal(down.get(outcome('unavailable')), 1)
  t.equal(down.get('sidekeep_provider_up{provider="memory"}'), 0)
  world.provider.failure = new ProviderError('denied', 'denied', 'memory denied')
  await pause(world)
  await world.refresher.refresh('db-password')
  const denied = await scrape(world)
  t.equal(denied.get('sidekeep_provider_up{provider="memory"}'), 1, 'a backend that refuses is up')
  t.equal(denied.get('sidekeep_refresh_duration_seconds_count{provider="memory"}'), 3)
})

t.test('rotations are counted for declared secrets by name, and for pattern secrets together', async (t) => {
  const world = await createWorld(t, { rules: { 'shared/*': { key: '*' } } })
  world.provider.values.set('token', 'CANARY-token-1')
  await world.get('/v1/secrets/shared/token')
  for (const [key, value] of [
    ['token', 'CANARY-token-2'],
    ['db-password', 'CANARY-db-password-2'],
  ] as const) {
    world.provider.values.set(key, value)
  }
  await pause(world)
  await world.refresher.refreshAll()
  const samples = await scrape(world)
  t.equal(samples.get('sidekeep_secret_rotations_total{secret="db-password"}'), 1)
  t.equal(samples.get('sidekeep_secret_rotations_total'), 1)
  t.notOk(
    [...samples.keys()].some((series) => series.includes('shared/token')),
    'pattern secrets are no labels',
  )
})

t.test('reads are counted by how they met the cache', async (t) => {
  const world = await createWorld(t, { rules: { 'shared/*': { key: '*' }, gone: {} } })
  for (const path of ['db-password', 'db-password', 'nope', 'shared/x', 'gone', 'db-password?refresh=true']) {
    await world.get(`/v1/secrets/${path}`)
  }
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(700_000)
  await world.get('/v1/secrets/db-password')
  await world.clock.advance(86_400_000)
  await world.get('/v1/secrets/db-password')
  const samples = await scrape(world)
  const count = (result: string) => samples.get(`sidekeep_cache_requests_total{result="${result}"}`)
  t.strictSame(
    ['hit', 'stale', 'miss', 'not_loaded', 'expired', 'not_found', 'bypass'].map(count),
    [2, 1, 1, 0, 1, 2, 1],
  )
})

t.test(
  'requests are counted by route template, method and status, and nothing of them becomes a label',
  async (t) => {
    const world = await createWorld(t)
    await world.get('/v1/secrets/db-password')
    await world.get('/v1/secrets/random-name-1')
    await world.get('/random-path-1')
    await world.get('/random-path-2', { headers: { Host: 'evil.example' } })
    const { request } = await import('../api/support/client.ts')
    await request(world.port, 'PROPFIND', '/x')
    await request(world.port, 'GET', '/x')
    await request(world.port, 'HEAD', '/livez')
    await request(world.opsPort, 'GET', '/livez')
    const samples = await scrape(world)
    const count = (route: string, method: string, status: number) =>
      samples.get(`sidekeep_api_requests_total{route="${route}",method="${method}",status="${status}"}`)
    t.equal(count('/v1/secrets/{name}', 'GET', 200), 1)
    t.equal(count('/v1/secrets/{name}', 'GET', 404), 1)
    t.equal(count('unmatched', 'GET', 404), 1)
    t.equal(count('unmatched', 'GET', 421), 1)
    t.equal(count('unmatched', 'other', 405), 1)
    t.equal(count('unmatched', 'GET', 401), 1)
    t.equal(count('/livez', 'HEAD', 200), 1)
    t.equal(count('/livez', 'GET', 200), 1)
    t.equal(samples.get('sidekeep_api_request_duration_seconds_count{route="/v1/secrets/{name}"}'), 2)
    t.notOk([...samples.keys()].some((series) => series.includes('random')))
  },
)

t.test('durations fall into cumulative buckets', async (t) => {
  const metrics = createMetrics({
    version: '1',
    providers: [],
    cache: { statuses: () => [], stats: () => ({ entries: 0, bytes: 0 }) },
  })
  const route = metrics.route('/x')
  route.count('GET', 200, 0.1)
  route.count('GET', 200, 3)
  route.count('GET', 200, 60_000)
  const { body } = await metrics.render()
  t.match(body, 'sidekeep_api_request_duration_seconds_bucket{route="/x",le="0.0001"} 1\n')
  t.match(body, 'sidekeep_api_request_duration_seconds_bucket{route="/x",le="0.0025"} 1\n')
  t.match(body, 'sidekeep_api_request_duration_seconds_bucket{route="/x",le="0.005"} 2\n')
  t.match(body, 'sidekeep_api_request_duration_seconds_bucket{route="/x",le="30"} 2\n')
  t.match(body, 'sidekeep_api_request_duration_seconds_bucket{route="/x",le="+Inf"} 3\n')
  t.match(body, /sidekeep_api_request_duration_seconds_sum\{route="\/x"\} 60\.0031/)
  t.match(body, 'sidekeep_api_request_duration_seconds_count{route="/x"} 3\n')
})

t.test('names with quotes and backslashes stay one label value', async (t) => {
  const world = await createWorld(t, { values: { 'a"b': 'CANARY-quote-1' } })
  t.match((await world.get('/metrics')).text, 'sidekeep_secret_state{secret="a\\"b",state="fresh"} 1')
})

t.test('names and types are such as Prometheus wants them', async (t) => {
  const world = await createWorld(t)
  const { text } = await world.get('/metrics')
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
  t.ok(types.length > 30)
  for (const [, name = '', type] of types) {
    // The rules of `promtool check metrics`, which runs below where it is installed.
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.notMatch(name, /_(counter|gauge|histogram|summary)$|_(milliseconds|ms|kb|minutes)(_|$)/, name)
    t.equal(types.filter(([, other]) => other === name).length, 1, `${name} is declared once`)
  }
  for (const line of text.split('\n')) {
    t.match(line, /^$|^# (HELP|TYPE) |^[a-z_:][a-z0-9_:]*(\{[^\n]*\})? (-?[0-9.e+-]+|Nan|[+-]Inf)$/i)
  }
})

// Prometheus' own tool knows more rules; it is no part of what npm installs.
if (spawnSync('promtool', ['--version']).error === undefined) {
  t.test('promtool check metrics is silent', async (t) => {
    const world = await createWorld(t)
    const { text } = await world.get('/metrics')
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    })
    t.strictSame([status, stdout, stderr], [0, '', ''])
  })
}
