/** The end that a caller asks for, in the real process. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { ask } from '../support/e2e-http.ts'
import { simpleConfig, startReadySidecar, token } from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const
const jobToken = 'CANARY-job-0b7c5d2e9f14a683'
const webToken = 'CANARY-web-41d8a90c6be2f573'
const as = (bearer: string) => ({ headers: { authorization: `Bearer ${bearer}` } })

t.test('a Job ends its sidecar in order: exit code 0, linger kept, asked twice as once', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const callers = {
    job: { tokens: [{ env: 'JOB_TOKEN' }], allow: ['*'], rights: ['read', 'watch', 'control'] },
    web: { tokens: [{ env: 'WEB_TOKEN' }], allow: ['*'] },
  }
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, {
      api: { listen: '127.0.0.1:0', callers },
      ops: { listen: '127.0.0.1:0' },
      secrets: { 'db-password': { provider: 'platform', refresh: '1h', required: true } },
      shutdown: { linger: '1s', timeout: '20s' },
    }),
    env: { JOB_TOKEN: jobToken, WEB_TOKEN: webToken },
  })
  const quit = (options: object) => sidecar.ask('/quitquitquit', { method: 'POST', ...options })
  t.equal((await quit(as(webToken))).status, 403, 'without the right')
  t.equal((await quit({})).status, 401, 'without a token')
  t.equal((await ask(sidecar.ops, '/quitquitquit', { method: 'POST' })).status, 404, 'not on ops')
  t.equal(sidecar.logged('stopping').length, 0)

  const reader = sidecar.ask('/v1/secrets/db-password?wait=30s&format=raw', as(jobToken))
  const first = await quit(as(jobToken))
  t.equal(first.status, 202)
  t.strictSame(first.json(), { stopping: true })
  await sidecar.says('stopping')
  const [again, value, ready] = await Promise.all([
    quit(as(jobToken)),
    sidecar.ask('/v1/secrets/db-password?format=raw', as(jobToken)),
    ask(sidecar.ops, '/readyz'),
  ])
  t.equal(again.status, 202)
  t.equal(value.text, 'CANARY-db-password', 'it lingers')
  t.equal(ready.status, 503)
  t.equal((await reader).status, 200, 'who waits is answered')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.match(sidecar.logged('stopping'), [{ level: 'info', reason: 'POST /quitquitquit' }])
  t.match(sidecar.log.at(-1), { msg: 'stopped' })
})

t.test('without callers a listener of its own may have the right', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const listeners = [{ listen: '127.0.0.1:0', allow: ['*'], rights: ['control'] }]
  const sidecar = await startReadySidecar(t, {
    config: simpleConfig(backend.url, { api: { listen: '127.0.0.1:0', listeners } }),
  })
  t.equal((await sidecar.ask('/quitquitquit', { method: 'POST' })).status, 403)
  const [started] = sidecar.logged('sidekeep started')
  const [further = ''] = (started?.listeners ?? []) as string[]
  t.equal((await ask(further, '/v1/secrets/db-password')).status, 403)
  t.equal((await ask(further, '/quitquitquit', { method: 'POST' })).status, 202)
  t.match(await sidecar.child.ended(), { code: 0 })
})
