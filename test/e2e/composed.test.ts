/** A connection string that is composed of a user and a password which rotate together, and are read all the while. */
import t from 'tap'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { startReadySidecar, token } from '../support/process-sidecar.ts'

function configOf(url: string): object {
  return {
    api: { listen: '127.0.0.1:0' },
    providers: { platform: { type: 'http', url, token: { env: 'AUTH_TOKEN' }, timeout: '5s' } },
    secrets: {
      'db/user': { provider: 'platform', refresh: '100ms', maxStale: '1h' },
      'db/password': { provider: 'platform', refresh: '100ms', maxStale: '1h' },
      'db/dsn': {
        template: 'postgres://{{ db/user }}:{{ db/password | urlencode }}@db/app',
        required: true,
      },
    },
  }
}

t.test('whoever reads while the parts rotate sees one rotation or the other, never a mix', async (t) => {
  const login = (n: number) =>
    [
      ['db/user', { value: `CANARY-user-${n}`, version: `${n}` }],
      ['db/password', { value: `CANARY-p@ss/${n}`, version: `${n}` }],
    ] as const
  const backend = await startBackend(t, { token, secrets: login(0) })
  const sidecar = await startReadySidecar(t, { config: configOf(backend.url) })
  const read = async (): Promise<number> => {
    const { status, text } = await sidecar.ask('/v1/secrets/db/dsn?format=raw')
    const [, user, password] =
      /^postgres:\/\/CANARY-user-(\d+):CANARY-p%40ss%2F(\d+)@db\/app$/.exec(text) ?? []
    t.equal(status, 200)
    t.equal(user, password)
    return Number(user)
  }
  t.equal(await read(), 0)
  const seen = new Set<number>()
  for (let n = 1; n <= 10; n++) {
    for (const [name, item] of login(n)) backend.secrets.set(name, item)
    await eventually(`rotation ${n}`, async () => {
      const versions = await Promise.all(Array.from({ length: 8 }, read))
      for (const version of versions) seen.add(version)
      return versions.every((version) => version === n)
    })
  }
  t.ok(seen.size >= 10, 'each rotation was read')

  t.match(await sidecar.listed('db/dsn'), { provider: null, state: /fresh|stale/, required: true })
  t.match((await sidecar.ask('/v1/explain/db/dsn')).json(), {
    provider: null,
    parts: [{ name: 'db/user' }, { name: 'db/password' }],
  })
  t.match(sidecar.logged('secret rotated').filter(({ secret }) => secret === 'db/dsn').length >= 10, true)
})

t.test('a caller who waits for the connection string hears of a part that rotates', async (t) => {
  const backend = await startBackend(t, {
    token,
    secrets: [
      ['db/user', 'CANARY-user-1'],
      ['db/password', 'CANARY-pass-1'],
    ],
  })
  const sidecar = await startReadySidecar(t, { config: configOf(backend.url) })
  const { headers } = await sidecar.ask('/v1/secrets/db/dsn?format=raw')
  const condition = { 'x-sidekeep-request': 'true', 'if-none-match': headers.etag ?? '' }
  const waiting = sidecar.ask('/v1/secrets/db/dsn?format=raw&wait=12s', { headers: condition })
  backend.secrets.set('db/password', { value: 'CANARY-pass-2' })
  t.match(await waiting, { status: 200, text: 'postgres://CANARY-user-1:CANARY-pass-2@db/app' })
  const refreshed = await fetch(`${sidecar.api}/v1/refresh/db/dsn`, {
    method: 'POST',
    headers: { 'x-sidekeep-request': 'true' },
  })
  t.equal(refreshed.status, 200)
  t.match(await refreshed.json(), { name: 'db/dsn', provider: null, outcome: /unchanged|rotated/ })
})
