/** Several addresses of one API, each for somebody else: the file system, or a token, decides who reads what. */
import { once } from 'node:events'
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Backend, startBackend } from '../support/backend.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import { configFile, folderOf, launchSidecar, startReadySidecar, token } from '../support/process-sidecar.ts'
import { failed, startReloaded } from '../support/reloaded-sidecar.ts'

const header = { 'x-sidekeep-request': 'true' }
const webToken = 'CANARY-web-token-Zx9k3LmQ7vTbY2sNpRwe'

function startSecrets(t: Test): Promise<Backend> {
  return startBackend(t, {
    token,
    secrets: [
      ['web', 'CANARY-web'],
      ['worker', 'CANARY-worker'],
    ],
  })
}

function configOf(url: string, api: object): object {
  const rule = { provider: 'platform', maxStale: '1h', required: true }
  return {
    api: { listen: '127.0.0.1:0', ...api },
    providers: { platform: { type: 'http', url, token: { env: 'AUTH_TOKEN' }, timeout: '1s' } },
    secrets: { web: rule, worker: rule },
  }
}

/** What each of the two secrets is answered with. */
async function statuses(
  address: string,
  headers: Readonly<Record<string, string>> = header,
): Promise<number[]> {
  const all: number[] = []
  for (const name of ['web', 'worker']) {
    all.push((await ask(address, `/v1/secrets/${name}`, { headers })).status)
  }
  return all
}

t.test('each address serves its own secrets to its own callers, and health to all', async (t) => {
  const backend = await startSecrets(t)
  const folder = folderOf(t)
  const [worker, web] = [`unix:${join(folder, 'worker.sock')}`, '127.0.0.2:0']
  const tokenFile = join(folder, 'web.token')
  writeFileSync(tokenFile, `${webToken}\n`)
  const sidecar = await startReadySidecar(t, {
    config: configOf(backend.url, {
      listeners: [
        { listen: worker, mode: '0600', allow: ['wor*'] },
        { listen: web, callers: { web: { tokens: [{ file: tokenFile }], allow: ['web'] } } },
      ],
    }),
  })
  const { listeners } = await sidecar.says('sidekeep started')
  t.match(listeners, [worker, /^http:\/\/127\.0\.0\.2:\d+$/])
  const [, address] = listeners as string[]
  if (address === undefined) throw new Error('no address')
  t.strictSame(await statuses(sidecar.api), [200, 200], 'the main one, for whoever can connect')
  t.strictSame(await statuses(worker), [403, 200])
  t.equal(lstatSync(join(folder, 'worker.sock')).mode & 0o777, 0o600)
  t.strictSame(await statuses(address), [401, 401], 'a token is wanted')
  t.strictSame(await statuses(address, { authorization: `Bearer ${webToken}` }), [200, 403])
  for (const at of [sidecar.api, worker, address]) {
    t.equal((await ask(at, '/readyz', { headers: {} })).status, 200)
  }
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, stderr: '' })
  t.notOk(existsSync(join(folder, 'worker.sock')))
})

t.test('where one of them cannot be opened none is left, and it is named', async (t) => {
  const backend = await startSecrets(t)
  const folder = folderOf(t)
  writeFileSync(join(folder, 'occupied'), '')
  const config = configOf(backend.url, {
    listen: `unix:${join(folder, 'api.sock')}`,
    listeners: [
      { listen: `unix:${join(folder, 'first.sock')}`, allow: ['*'] },
      { listen: `unix:${join(folder, 'occupied')}`, allow: ['*'] },
    ],
  })
  const sidecar = launchSidecar(t, ['--config', configFile(t, config)], { env: { AUTH_TOKEN: token } })
  const { code, stderr } = await sidecar.child.ended()
  t.equal(code, 1)
  t.match(stderr, /The listener "api\.listeners\[1\]" cannot listen on .*api\.listeners\[1\]\.listen/s)
  t.notOk(existsSync(join(folder, 'api.sock')) || existsSync(join(folder, 'first.sock')))
})

t.test(
  'they come, change and go while the sidecar runs, and who is not concerned is not touched',
  async (t) => {
    const backend = await startSecrets(t)
    const folder = folderOf(t)
    const [first, second] = [`unix:${join(folder, 'first.sock')}`, `unix:${join(folder, 'second.sock')}`]
    const { sidecar, change } = await startReloaded(t, configOf(backend.url, {}))
    const main = sidecar.api

    const line = await change(configOf(backend.url, { listeners: [{ listen: first, allow: ['web'] }] }))
    t.match(line, { options: ['api.listeners'], listeners: [first] })
    t.strictSame(await statuses(first), [200, 403])

    const streams = await Promise.all([main, first].map(openStream))
    t.teardown(() => streams.forEach(({ leave }) => void leave()))
    await change(
      configOf(backend.url, {
        listeners: [
          { listen: second, allow: ['*'] },
          { listen: first, allow: ['worker'] },
        ],
      }),
    )
    t.strictSame(await statuses(first), [403, 200], 'its list is another from now on')
    t.strictSame(await statuses(second), [200, 200])
    await inTime('the end of the stream whose list is another', streams[1]?.ended ?? Promise.reject())
    t.notOk(streams[0]?.isOver(), 'a stream at an address of which nothing has changed goes on')

    await change(configOf(backend.url, { listeners: [{ listen: second, mode: '0600', allow: ['*'] }] }))
    await eventually('the first to close', () => !existsSync(join(folder, 'first.sock')))
    t.equal(lstatSync(join(folder, 'second.sock')).mode & 0o777, 0o600)
    t.strictSame(await statuses(second), [200, 200])
    await change(configOf(backend.url, {}))
    await eventually('the second to close', () => !existsSync(join(folder, 'second.sock')))
    t.strictSame(await statuses(main), [200, 200])
    t.notOk(streams[0]?.isOver())
  },
)

t.test('callers come and go on an address that stays', async (t) => {
  const backend = await startSecrets(t)
  const { sidecar, change } = await startReloaded(t, configOf(backend.url, {}), { WEB_TOKEN: webToken })
  const withCallers = (rights: string[]): object =>
    configOf(backend.url, { callers: { web: { tokens: [{ env: 'WEB_TOKEN' }], allow: ['web'], rights } } })
  t.strictSame(await statuses(sidecar.api), [200, 200])
  const stream = await openStream(sidecar.api)
  t.teardown(stream.leave)
  await change(withCallers(['read', 'watch']))
  const bearer = { authorization: `Bearer ${webToken}` }
  t.strictSame(await statuses(sidecar.api), [401, 401])
  t.strictSame(await statuses(sidecar.api, bearer), [200, 403])
  await inTime('the end of a stream that nobody named', stream.ended)
  await change(withCallers(['list']))
  t.strictSame(await statuses(sidecar.api, bearer), [403, 403])
  await change(configOf(backend.url, {}))
  t.strictSame(await statuses(sidecar.api), [200, 200])
})

t.test('what cannot be opened changes nothing at all', async (t) => {
  const backend = await startSecrets(t)
  const folder = folderOf(t)
  const good = `unix:${join(folder, 'good.sock')}`
  writeFileSync(join(folder, 'occupied'), '')
  const { sidecar, change, count } = await startReloaded(t, configOf(backend.url, {}))
  const line = await change(
    configOf(backend.url, {
      callers: { web: { tokens: [{ env: 'AUTH_TOKEN' }], allow: ['*'] } },
      listeners: [
        { listen: good, allow: ['*'] },
        { listen: `unix:${join(folder, 'occupied')}`, allow: ['*'] },
      ],
    }),
    // The token that the backend wants would do as one of a caller but for its length.
    'the configuration is invalid: nothing has changed',
  )
  t.match(line, { problems: Array })
  await change(
    configOf(backend.url, {
      access: 'open',
      listeners: [
        { listen: good, allow: ['*'] },
        { listen: `unix:${join(folder, 'occupied')}`, allow: ['*'] },
      ],
    }),
    failed,
  )
  t.equal(await count('failed'), 1)
  t.notOk(existsSync(join(folder, 'good.sock')))
  t.strictSame(await statuses(sidecar.api, {}), [401, 401], 'the header is wanted still')
})

interface Stream {
  readonly ended: Promise<unknown>
  isOver(): boolean
  leave(): void
}

async function openStream(address: string): Promise<Stream> {
  const at = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length), path: '/v1/events' }
    : { host: new URL(address).hostname, port: new URL(address).port, path: '/v1/events' }
  const sent = get({ ...at, headers: header, agent: false })
  sent.on('error', () => {})
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  response
    .resume()
    .on('error', () => {})
    .on('close', resolve)
  return { ended, isOver: () => response.closed, leave: () => void sent.destroy() }
}
