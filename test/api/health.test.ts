import t from 'tap'
import { answerProbe } from '../../src/api/health.ts'
import { request } from './support/client.ts'
import { createWorld } from './support/world.ts'

t.test('a probe that passes is 200 ok, on both listeners, without any header', async (t) => {
  const world = await createWorld(t)
  for (const port of [world.port, world.opsPort]) {
    for (const path of [
      '/livez',
      '/healthz',
      '/startupz',
      '/readyz',
      '/readyz/listeners',
      '/livez/event-loop',
    ]) {
      const { status, text, headers } = await request(port, 'GET', path, {
        headers: { Host: '10.1.2.3:7576' },
      })
      t.equal(status, 200, path)
      t.equal(text, 'ok', path)
      t.match(headers, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
    }
  }
})

t.test('before required secrets are loaded the sidecar is alive, neither started nor ready', async (t) => {
  const world = await createWorld(t, { rules: { 'db-password': { required: true } }, loaded: false })
  t.equal((await world.get('/livez')).status, 200)
  t.equal((await world.get('/startupz')).status, 503)
  const { status, text } = await world.get('/readyz')
  t.equal(status, 503)
  t.equal(
    text,
    '[-]required-secrets-held failed\n[+]listeners ok\n[+]not-shutting-down ok\n[+]audit ok\n[+]files ok\nreadyz check failed\n',
  )
  t.notMatch(text, 'db-password', 'a probe names no secret')
})

t.test('an expired required secret ends readiness and not the start', async (t) => {
  const { ProviderError } = await import('../../src/secrets/provider.ts')
  const world = await createWorld(t, { rules: { 'db-password': { required: true, maxStaleMs: 700_000 } } })
  t.equal((await world.get('/readyz')).status, 200)
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(800_000)
  t.equal((await world.get('/readyz')).status, 503)
  t.equal((await world.get('/startupz')).status, 200)
  t.equal((await world.get('/livez')).status, 200)
})

t.test('a listener that is down and a shutdown end readiness', async (t) => {
  const world = await createWorld(t)
  world.state.listenersUp = false
  t.match((await world.get('/readyz')).text, '[-]listeners failed')
  world.state.listenersUp = true
  world.state.shuttingDown = true
  t.match((await world.get('/readyz')).text, '[-]not-shutting-down failed')
  t.equal((await world.get('/livez')).status, 200)
})

t.test(
  '?verbose shows each check, ?exclude= leaves checks out, /readyz/{check} is one of them',
  async (t) => {
    const world = await createWorld(t)
    t.equal(
      (await world.get('/readyz?verbose')).text,
      '[+]required-secrets-held ok\n[+]listeners ok\n[+]not-shutting-down ok\n[+]audit ok\n[+]files ok\nreadyz check passed\n',
    )
    world.state.shuttingDown = true
    world.state.listenersUp = false
    t.equal((await world.get('/readyz?exclude=listeners')).status, 503)
    const excluded = await world.get('/readyz?exclude=listeners&exclude=not-shutting-down&verbose')
    t.equal(excluded.status, 200)
    t.match(excluded.text, '[+]listeners excluded: ok')
    t.equal((await world.get('/readyz/required-secrets-held')).status, 200)
    const one = await world.get('/readyz/listeners')
    t.equal(one.status, 503)
    t.equal(one.text, '[-]listeners failed\nreadyz/listeners check failed\n')
    const unknown = await world.get('/readyz/nope')
    t.equal(unknown.status, 404)
    t.equal(unknown.json().code, 'SIDEKEEP_ROUTE_NOT_FOUND')
  },
)

t.test('to exclude a check that does not exist is only a warning', async (t) => {
  const checks = [{ name: 'a', passes: () => true }]
  t.strictSame(answerProbe('readyz', checks, { exclude: ['b'] }), { status: 200, body: 'ok' })
  t.strictSame(answerProbe('readyz', checks, { exclude: ['b'], verbose: true }), {
    status: 200,
    body: '[+]a ok\nwarn: no check is named "b"\nreadyz check passed\n',
  })
})
