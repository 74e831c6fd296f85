import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { faults, startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { ask } from '../support/e2e-http.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  simpleConfig,
  startReadySidecar,
  token,
} from '../support/process-sidecar.ts'

const secrets = [['db-password', 'CANARY-db-password']] as const

/** Refreshed so seldom that on the slowest machine nothing turns stale while a test reads its log. */
const calm = { secrets: { 'db-password': { provider: 'platform', refresh: '1h', required: true } } }

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} stops an idle sidecar in order, with exit code 0`, async (t) => {
    const backend = await startBackend(t, { token, secrets })
    const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
    sidecar.child.signal(signal)
    t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
    t.match(sidecar.logged('stopping'), [{ level: 'info', reason: signal }])
    t.match(sidecar.log.at(-1), { level: 'info', msg: 'stopped' })
    t.equal(backend.sockets.size, 0, 'its connections to the backend are closed')
  })
}

t.test('while it lingers it serves on, and is not ready', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url, {
    ops: { listen: '127.0.0.1:0' },
    shutdown: { linger: '1s', timeout: '20s' },
  })
  const sidecar = await startReadySidecar(t, { config })
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  const [ready, value] = await Promise.all([
    ask(sidecar.ops, '/readyz'),
    sidecar.ask('/v1/secrets/db-password?format=raw'),
  ])
  t.equal(ready.status, 503)
  t.match(ready.text, '[-]not-shutting-down failed')
  t.equal(value.status, 200)
  t.equal(value.text, 'CANARY-db-password')
  t.match(await sidecar.child.ended(), { code: 0 })
})

t.test('an idle keep-alive connection does not hold up the stop', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const { hostname, port } = new URL(sidecar.api)
  const silent = connect({ host: hostname, port: Number(port) })
  const used = connect({ host: hostname, port: Number(port) })
  for (const socket of [silent, used]) {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
  }
  used.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await once(used, 'data')
  const began = performance.now()
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0 })
  t.ok(performance.now() - began < 3_000, 'far sooner than a keep-alive ends')
})

t.test('a caller that waits for a backend that hangs does not outlive shutdown.timeout', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url, {
    api: { listen: '127.0.0.1:0', demandTimeout: '60s' },
    providers: {
      platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' } },
      slow: {
        type: 'http',
        url: `${backend.origin}/secrets/{key}`,
        token: { env: 'AUTH_TOKEN' },
        timeout: '60s',
      },
    },
    secrets: {
      'db-password': { provider: 'platform', required: true },
      'slow/*': { provider: 'slow' },
    },
    shutdown: { timeout: '600ms' },
  })
  const sidecar = await startReadySidecar(t, { config })
  backend.handler = faults.hang
  const waiting = sidecar.ask('/v1/secrets/slow/one').then(
    ({ status }) => `answered ${status}`,
    () => 'cut off',
  )
  await eventually('the call of the backend', () =>
    backend.requests.some(({ path }) => path.includes('slow')),
  )
  const began = performance.now()
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 1, signal: null })
  t.ok(performance.now() - began < 3_000, 'long before the caller or the provider would give up')
  t.equal(await waiting, 'cut off')
  t.match(sidecar.log.at(-1), {
    level: 'error',
    msg: 'shutdown timed out',
    err: {
      code: 'SIDEKEEP_SHUTDOWN_TIMED_OUT',
      message: 'Shutdown did not end within 600 ms; still open: closing the api listener.',
    },
  })
})

t.test('a refresh that hangs at the backend is given up at once', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const sidecar = await startReadySidecar(t, { config: simpleConfig(backend.url) })
  const before = backend.requests.length
  backend.handler = faults.hang
  await eventually('a refresh that hangs', () => backend.requests.length > before)
  const began = performance.now()
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0 })
  t.ok(performance.now() - began < 900, 'sooner than the provider would give up')
  t.strictSame(sidecar.logged('refresh failed'), [], 'which is no failure')
})

t.test('a second signal ends it at once', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const config = simpleConfig(backend.url, { shutdown: { linger: '20s' } })
  const sidecar = await startReadySidecar(t, { config })
  sidecar.child.signal('SIGTERM')
  await sidecar.says('stopping')
  const began = performance.now()
  sidecar.child.signal('SIGINT')
  t.match(await sidecar.child.ended(), { code: 1, signal: null })
  t.ok(performance.now() - began < 2_000)
  t.strictSame(sidecar.logged('stopped'), [])
})

t.test('a stop while no backend answers ends in order too', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  await backend.stop()
  const sidecar = launchSidecar(t, ['--config', configFile(t, simpleConfig(backend.url))], {
    env: { AUTH_TOKEN: token },
  })
  await sidecar.says('refresh failed')
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, signal: null })
  t.match(sidecar.logged('stopping'), [{ reason: 'SIGTERM' }])
  t.match(sidecar.log.at(-1), { msg: 'stopped' })
})

t.test('a signal during the start is not lost, whenever it comes', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const preload = join(folderOf(t), 'preload.mjs')
  // The earliest moment that the program can know of: somebody has just begun to listen for the signal.
  writeFileSync(
    preload,
    `process.on('newListener', (event, listener) => {
      if (event === 'SIGTERM' && listener.name === 'onSignal') process.nextTick(() => process.kill(process.pid, 'SIGTERM'))
    })`,
  )
  const sidecar = launchSidecar(t, ['--config', configFile(t, simpleConfig(backend.url, calm))], {
    env: { AUTH_TOKEN: token },
    nodeArgs: ['--import', preload],
  })
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.strictSame(sidecar.story, ['sidekeep started', 'stopping', 'stopped'])
})

t.test('a signal while the configuration is read stops it in order', async (t) => {
  const backend = await startBackend(t, { token, secrets })
  const preload = join(folderOf(t), 'preload.mjs')
  writeFileSync(
    preload,
    `import fs from 'node:fs/promises'
    import { syncBuiltinESMExports } from 'node:module'
    const { open } = fs
    fs.open = async (path, ...rest) => {
      if (String(path).endsWith('sidekeep.yaml')) process.kill(process.pid, 'SIGTERM')
      return await open(path, ...rest)
    }
    syncBuiltinESMExports()`,
  )
  const sidecar = launchSidecar(t, ['--config', configFile(t, simpleConfig(backend.url, calm))], {
    env: { AUTH_TOKEN: token },
    nodeArgs: ['--import', preload],
  })
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.strictSame(sidecar.story, ['sidekeep started', 'stopping', 'stopped'])
})
