import t from 'tap'
import { canaryGuard } from '../support/canary.ts'
import { startApplication, startProxied } from '../support/e2e-application.ts'
import { eventually } from '../support/e2e-eventually.ts'

for (const hasPath of [true, false]) {
  t.test(`a request has a line, ${hasPath ? 'with' : 'without'} its path, and no more of it`, async (t) => {
    canaryGuard(t)
    const application = await startApplication(t)
    const { ask, sidecar } = await startProxied(t, application, {
      access: { log: 'all', ...(hasPath ? { path: true } : {}) },
      limits: [{ name: 'keys', key: 'header:X-Api-Key', rate: '1/h' }],
    })
    const headers = {
      'x-api-key': 'CANARY-key',
      cookie: 'session=CANARY-session',
      authorization: 'Bearer CANARY-bearer',
      'x-request-id': 'abc-1',
    }
    const sent = { method: 'POST', headers, body: 'CANARY-body' }
    t.equal((await ask('/now?token=CANARY-query', sent)).status, 200)
    t.equal((await ask('/now?token=CANARY-query', sent)).status, 429)
    await sidecar.says('proxied', 2)
    const path = hasPath ? '/now' : undefined
    const line = { level: 'info', method: 'POST', path, client: '127.0.0.1', requestId: 'abc-1' }
    t.match(sidecar.logged('proxied'), [
      { ...line, status: 200, received: 11, sent: 5, code: undefined },
      { ...line, status: 429, code: 'SIDEKEEP_RATE_LIMITED' },
    ])
    for (const { durationMs } of sidecar.logged('proxied')) t.type(durationMs, 'number')
  })
}

t.test('which requests have lines changes while it runs', async (t) => {
  const application = await startApplication(t)
  const { ask, change, config, sidecar } = await startProxied(t, application, { access: { log: 'errors' } })
  t.equal((await ask('/now')).status, 200)
  t.equal((await ask('/now/..')).status, 400)
  await sidecar.says('proxied')
  await change(config({ access: { log: 'none' } }))
  t.equal((await ask('/now/..')).status, 400)
  await change(config({ access: { log: 'sampled', sampleRate: '1/m' } }))
  for (let at = 0; at < 5; at += 1) t.equal((await ask('/now')).status, 200)
  t.equal((await ask('/now/..')).status, 400)
  await sidecar.says('proxied', 3)
  await change(config({ access: { log: 'all' } }))
  t.equal((await ask('/now')).status, 200)
  await eventually('the last line', () => sidecar.logged('proxied').length === 4)
  t.strictSame(
    sidecar.logged('proxied').map(({ status }) => status),
    [400, 200, 400, 200],
  )
})
