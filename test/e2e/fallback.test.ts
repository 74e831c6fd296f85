/** A secret that is kept in two places, while the first of them comes and goes. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answer, startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import { run } from '../support/process-child.ts'
import { configFile, folderOf, startReadySidecar, token } from '../support/process-sidecar.ts'

const path = '/v1/secrets/db-password'

function configOf(url: string, folder: string): object {
  return {
    api: { listen: '127.0.0.1:0' },
    providers: {
      platform: { type: 'http', url: `${url}/{key}`, token: { env: 'AUTH_TOKEN' }, timeout: '1s' },
      spare: { type: 'file', path: folder },
    },
    secrets: {
      'db-password': {
        fallback: ['platform', { provider: 'spare', key: 'copy' }],
        refresh: '200ms',
        maxStale: '1h',
        required: true,
      },
    },
  }
}

t.test(
  'the second place serves while the first is down, from the start on, and the first again after it',
  async (t) => {
    const folder = join(folderOf(t), 'spare')
    mkdirSync(folder)
    writeFileSync(join(folder, 'copy'), 'CANARY-from-the-file')
    const backend = await startBackend(t, { token, secrets: [['db-password', 'CANARY-from-the-backend']] })
    backend.handler = answer(503, 'CANARY-in-an-error')
    const sidecar = await startReadySidecar(t, { config: configOf(backend.url, folder) })
    t.equal((await sidecar.ask(`${path}?format=raw`)).text, 'CANARY-from-the-file')
    t.match(await sidecar.listed('db-password'), { provider: 'spare', state: /fresh|stale/ })
    t.match((await sidecar.says('a fallback serves the secret')) as object, {
      level: 'warn',
      secret: 'db-password',
      provider: 'spare',
      first: 'platform',
      kind: 'unavailable',
    })
    const explained = (await sidecar.ask('/v1/explain/db-password')).json()
    t.match(explained, {
      provider: 'spare',
      key: 'copy',
      fallback: [
        { provider: 'platform', serves: false, lastError: { kind: 'unavailable' } },
        { provider: 'spare', serves: true, lastError: null },
      ],
    })
    const { text } = await sidecar.ask('/metrics')
    t.ok(Number(metric(text, 'sidekeep_fallback_served_total', { provider: 'spare' })) >= 1)
    t.equal(metric(text, 'sidekeep_secret_on_fallback', { secret: 'db-password' }), 1)
    t.ok(
      Number(metric(text, 'sidekeep_refresh_total', { provider: 'platform', outcome: 'unavailable' })) >= 1,
    )

    backend.handler = undefined
    await eventually('the first place serves again', async () => {
      return (await sidecar.ask(`${path}?format=raw`)).text === 'CANARY-from-the-backend'
    })
    t.match(await sidecar.listed('db-password'), { provider: 'platform' })
    await sidecar.says('the first provider serves the secret again')
    t.equal(sidecar.logged('a fallback serves the secret').length, 1, 'told once, not at each refresh')

    await backend.stop()
    await eventually('the second place serves once more', async () => {
      return (await sidecar.ask(`${path}?format=raw`)).text === 'CANARY-from-the-file'
    })
    t.equal((await sidecar.ask(path)).status, 200)
  },
)

t.test('what the first place denies or does not have is not had elsewhere', async (t) => {
  const folder = join(folderOf(t), 'spare')
  mkdirSync(folder)
  writeFileSync(join(folder, 'copy'), 'CANARY-from-the-file')
  const backend = await startBackend(t, { token: 'another', secrets: [] })
  const check = async () =>
    await run(t, ['check', '--connect', '--config', configFile(t, configOf(backend.url, folder))], {
      env: { AUTH_TOKEN: token },
    })
  const refused = await check()
  t.equal(refused.code, 1)
  t.match(refused.stdout, /FAILED {2}db-password: denied: provider "platform"/)
  backend.token = token
  t.match((await check()).stdout, /FAILED {2}db-password: missing/)
  backend.handler = answer(503, 'CANARY-in-an-error')
  const served = await check()
  t.equal(served.code, 0)
  t.match(
    served.stdout,
    /ok {6}db-password: from spare \(a fallback: those before it are unavailable\), version h-/,
  )
  t.notMatch([refused, served].map(({ stdout, stderr }) => stdout + stderr).join(), /CANARY-(from|in)/)
})
