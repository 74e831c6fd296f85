/** Callers and their tokens, in the real process: let in, rotated, voided, limited by the configuration. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import type { SidecarProcess } from '../support/process-sidecar.ts'
import { folderOf, simpleConfig, startSidecar, token } from '../support/process-sidecar.ts'
import { startReloaded } from '../support/reloaded-sidecar.ts'

const secrets = [
  ['db-password', 'CANARY-db-password'],
  ['web/key', 'CANARY-web-key'],
] as const
const rule = { provider: 'platform', refresh: '200ms', maxStale: '1h' }
const rules = { 'db-password': { ...rule, required: true }, 'web/key': rule }

const tokens = {
  first: 'CANARY-first-0b7c5d2e9f14a683',
  second: 'CANARY-second-41d8a90c6be2f573',
  env: 'CANARY-env-7f3e18b5c02d9a64',
}

/** A file that is replaced as a volume or an editor replaces it. */
function tokenFile(t: Test): { readonly path: string; write(content: string): void } {
  const path = join(folderOf(t), 'web.token')
  return {
    path,
    write(content) {
      writeFileSync(`${path}.new`, `${content}\n`, { mode: 0o600 })
      renameSync(`${path}.new`, path)
    },
  }
}

const as = (bearer: string) => ({ headers: { authorization: `Bearer ${bearer}` } })

async function statusOf(sidecar: SidecarProcess, path: string, bearer: string): Promise<number> {
  return (await sidecar.ask(path, as(bearer))).status
}

t.test('a token is rotated in its file under the eyes of whoever holds a stream with it', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const file = tokenFile(t)
  file.write(tokens.first)
  const callers = {
    web: { tokens: [{ file: file.path }], allow: ['web/*'] },
    all: { tokens: [{ env: 'ALL_TOKEN' }], allow: ['*'] },
  }
  const api = { listen: '127.0.0.1:0', callers }
  const sidecar = await startSidecar(t, {
    config: simpleConfig(backend.url, { api, secrets: rules }),
    env: { ALL_TOKEN: tokens.env },
  })
  await sidecar.says('ready: all required secrets are held')
  await eventually(
    'the value',
    async () => (await statusOf(sidecar, '/v1/secrets/web/key', tokens.first)) === 200,
  )
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.first), 403)
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.env), 200)
  t.equal((await sidecar.ask('/v1/secrets/web/key')).status, 401, 'the header is no token')

  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const call = http.get(`${sidecar.api}/v1/events`, as(tokens.first), (response) => {
    response.resume().on('close', () => resolve())
  })
  call.on('error', () => {})
  t.teardown(() => call.destroy())
  await eventually('the stream', async () => {
    const { text } = await sidecar.ask('/metrics', as(tokens.env))
    return metric(text, 'sidekeep_event_streams', {}) === 1
  })

  file.write(tokens.second)
  t.match(await sidecar.says('a token was read anew'), {
    level: 'info',
    caller: 'web',
    token: `file ${file.path}`,
  })
  await ended
  t.equal(await statusOf(sidecar, '/v1/secrets/web/key', tokens.second), 200)
  t.equal(await statusOf(sidecar, '/v1/secrets/web/key', tokens.first), 401)

  rmSync(file.path)
  t.match(await sidecar.says('a token lets nobody in'), { level: 'warn', caller: 'web', why: /ENOENT/ })
  t.equal(await statusOf(sidecar, '/v1/secrets/web/key', tokens.second), 401)
  t.match(sidecar.logged('a request was refused'), [
    { level: 'warn', reason: 'not_allowed', caller: 'web', listener: '127.0.0.1:0' },
    { level: 'warn', reason: 'token_required' },
    { level: 'warn', reason: 'token_invalid' },
  ])
  const { text } = await sidecar.ask('/metrics', as(tokens.env))
  t.equal(metric(text, 'sidekeep_api_refused_total', { reason: 'token_invalid' }), 2)
})

t.test('callers that a changed configuration brings are wanted from then on', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const file = tokenFile(t)
  file.write(tokens.first)
  const config = (api: object) =>
    simpleConfig(backend.url, { api: { listen: '127.0.0.1:0', ...api }, secrets: rules })
  const web = { tokens: [{ file: file.path }], allow: ['web/*', 'db-password'] }
  const { sidecar, change } = await startReloaded(t, config({}))
  t.equal((await sidecar.ask('/v1/secrets/db-password')).status, 200)
  await change(config({ callers: { web } }))
  t.equal((await sidecar.ask('/v1/secrets/db-password')).status, 401)
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.first), 200)
  await change(config({ callers: { web: { ...web, allow: ['web/*'] } } }))
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.first), 403)
  await change(config({ callers: { web: { ...web, limit: '2/h' } } }))
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.first), 200)
  t.equal(await statusOf(sidecar, '/v1/secrets/db-password', tokens.first), 429)
  await change(config({}))
  t.equal((await sidecar.ask('/v1/secrets/db-password')).status, 200)
})
