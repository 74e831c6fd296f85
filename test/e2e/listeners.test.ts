import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { ask } from '../support/e2e-http.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

t.test('ops serves health and metrics to everyone, and no secret and no name of one', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const config = simpleConfig(backend.url, { ops: { listen: '127.0.0.1:0' } })
  const sidecar = await startReadySidecar(t, { config })
  t.not(sidecar.ops, sidecar.api)

  for (const path of ['/livez', '/healthz', '/startupz', '/readyz', '/metrics']) {
    t.equal((await ask(sidecar.ops, path, { headers: {} })).status, 200, path)
    t.equal((await sidecar.ask(path)).status, 200, `${path} on api too`)
  }
  for (const path of ['/v1/secrets', '/v1/secrets/db-password', '/openapi.json']) {
    t.equal((await ask(sidecar.ops, path)).status, 404, `${path} is not on ops`)
  }
  t.equal((await ask(sidecar.ops, '/v1/refresh', { method: 'POST' })).status, 404)

  await backend.stop()
  await sidecar.says('refresh failed')
  for (const path of ['/readyz?verbose', '/startupz?verbose', '/readyz/required-secrets-held?verbose']) {
    t.notMatch((await ask(sidecar.ops, path)).text, 'db-password', `${path} names no secret`)
  }
})

t.test('what the door of api wants holds in the running process', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const path = '/v1/secrets/db-password'
  const header = { 'x-sidekeep-request': 'true' }
  const refusals = [
    { headers: {}, status: 401, code: 'SIDEKEEP_HEADER_REQUIRED' },
    { headers: { ...header, host: 'evil.example' }, status: 421, code: 'SIDEKEEP_HOST_NOT_ALLOWED' },
    {
      headers: { ...header, 'x-forwarded-for': '10.0.0.1' },
      status: 400,
      code: 'SIDEKEEP_FORWARDED_REQUEST',
    },
  ]
  for (const { headers, status, code } of refusals) {
    const answer = await sidecar.ask(path, { headers })
    t.match(answer.json(), { status, code })
    t.notMatch(answer.text, 'CANARY-')
  }
})

t.test('neither a refresh nor a request is a line of the log', async (t) => {
  const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-db-password']] })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  for (let count = 0; count < 20; count += 1) await sidecar.ask('/v1/secrets/db-password')
  t.match((await sidecar.ask('/v1/refresh', { method: 'POST' })).json(), {
    // What the first fetch brought, where that was less than a second ago.
    secrets: [{ name: 'db-password', outcome: /^(?:rotated|unchanged)$/ }],
  })
  sidecar.child.signal('SIGTERM')
  await sidecar.child.ended()
  const lines = sidecar.log.filter(({ level, msg }) => level !== 'warn' && msg !== 'secret is fresh')
  t.strictSame(
    lines.map(({ msg }) => msg),
    ['sidekeep started', 'ready: all required secrets are held', 'stopping', 'stopped'],
  )
})
