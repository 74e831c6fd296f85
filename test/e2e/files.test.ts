/** Secrets in files, as an application beside the real process finds them. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { answer, startBackend } from '../support/backend.ts'
import { eventually } from '../support/e2e-eventually.ts'
import { metric } from '../support/e2e-metrics.ts'
import {
  configFile,
  folderOf,
  launchSidecar,
  startReadySidecar,
  startSidecar,
  token,
} from '../support/process-sidecar.ts'
import { applied, startReloaded } from '../support/reloaded-sidecar.ts'

const rule = { provider: 'platform', refresh: '100ms', maxStale: '1h' }

function login(n: number): [string, { value: string; version: string }][] {
  return [
    ['db/user', { value: `CANARY-user-${n}`, version: `${n}` }],
    ['db/password', { value: `CANARY-pass word ${n}`, version: `${n}` }],
  ]
}

async function world(t: Test) {
  const backend = await startBackend(t, { token, secrets: login(1) })
  const folder = folderOf(t)
  const configOf = (files: readonly object[], more: object = {}): object => ({
    api: { listen: '127.0.0.1:0' },
    providers: {
      platform: { type: 'http', url: backend.url, token: { env: 'AUTH_TOKEN' }, timeout: '1s' },
    },
    secrets: { 'db/user': rule, 'db/password': rule },
    files,
    ...more,
  })
  const rotate = (n: number): void => {
    for (const [name, item] of login(n)) backend.secrets.set(name, item)
  }
  const at = (name: string): string => join(folder, name)
  return { backend, folder, configOf, rotate, at, read: (name: string) => readFileSync(at(name), 'utf8') }
}

/** An application that wants to be told. */
async function startListener(t: Test) {
  const told: unknown[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      told.push(JSON.parse(text))
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { told, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/reload` }
}

const unique = (text: string, pattern: RegExp): string[] => [...new Set(text.match(pattern) ?? [])]

t.test('every format is written before the sidecar is ready, and a rotation arrives in all', async (t) => {
  const { at, configOf, read, rotate } = await world(t)
  const listener = await startListener(t)
  const secrets = ['db/*']
  const config = configOf([
    { path: at('list.json'), format: 'json', secrets },
    {
      path: at('map.json'),
      format: 'map',
      secrets,
      debounce: '50ms',
      notify: [{ http: { url: listener.url } }],
    },
    { path: at('app.env'), format: 'dotenv', secrets },
    { path: at('app.properties'), format: 'properties', secrets },
    { path: at('app.yaml'), format: 'yaml', secrets },
    { path: at('password'), format: 'raw', secrets: ['db/password'], mode: '0400' },
    { path: at('folder'), format: 'directory', secrets },
    { path: at('app.conf'), format: 'template', template: '{{ db/user }}:{{ db/password | urlencode }}\n' },
  ])
  const sidecar = await startReadySidecar(t, { config })
  t.equal(sidecar.logged('file written').length, 8)
  const whole = (n: number): void => {
    t.strictSame(JSON.parse(read('list.json')), [
      { name: 'db/password', value: `CANARY-pass word ${n}` },
      { name: 'db/user', value: `CANARY-user-${n}` },
    ])
    t.strictSame(JSON.parse(read('map.json')), {
      'db/password': `CANARY-pass word ${n}`,
      'db/user': `CANARY-user-${n}`,
    })
    for (const name of ['app.env', 'app.properties', 'app.yaml']) {
      t.strictSame(unique(read(name), /(?<=CANARY-user-|word )\d/g), [`${n}`], name)
    }
    t.equal(read('password'), `CANARY-pass word ${n}`)
    t.equal(read('folder/db/user'), `CANARY-user-${n}`)
    t.equal(read('folder/db/password'), `CANARY-pass word ${n}`)
    t.equal(read('app.conf'), `CANARY-user-${n}:CANARY-pass%20word%20${n}\n`)
  }
  whole(1)
  t.equal(statSync(at('password')).mode & 0o7777, 0o400)
  t.equal(statSync(at('map.json')).mode & 0o7777, 0o440)
  await eventually('the first telling', () => listener.told.length === 1)
  rotate(2)
  await sidecar.says('file written', 16)
  whole(2)
  await eventually('the second telling', () => listener.told.length === 2)
  t.strictSame(listener.told[1], { path: at('map.json'), changed: ['db/password', 'db/user'] })
  await sidecar.says('told of a changed file', 2)

  const { text } = await sidecar.ask('/metrics')
  const file = at('map.json')
  t.equal(metric(text, 'sidekeep_file_current', { file }), 1)
  t.equal(metric(text, 'sidekeep_file_writes_total', { file }), 2)
  t.equal(metric(text, 'sidekeep_file_secrets', { file }), 2)
  t.equal(metric(text, 'sidekeep_file_notifications_total', { file, kind: 'http', outcome: 'ok' }), 2)
  t.notMatch(text, /CANARY/)
})

t.test(
  'a sidecar that was killed finds its files right, and keeps them while the provider is down',
  async (t) => {
    const { at, backend, configOf, read, rotate } = await world(t)
    const config = configFile(t, configOf([{ path: at('map.json'), format: 'map', secrets: ['db/*'] }]))
    const launch = () => launchSidecar(t, ['--config', config], { env: { AUTH_TOKEN: token } })
    const first = launch()
    await first.says('ready: all required secrets are held')
    const before = { text: read('map.json'), ino: statSync(at('map.json')).ino }
    first.child.signal('SIGKILL')
    await first.child.exited

    backend.handler = answer(500, 'down')
    const second = launch()
    await second.says('refresh failed')
    t.match(await second.ask('/startupz'), { status: 503, text: '[-]files-written failed' })
    t.match(await second.ask('/readyz'), { status: 503, text: '[-]files failed' })
    t.equal(read('map.json'), before.text)
    backend.handler = undefined
    await second.says('ready: all required secrets are held')
    t.equal((await second.ask('/readyz')).status, 200)
    t.equal(statSync(at('map.json')).ino, before.ino, 'nothing was rewritten')
    t.strictSame(second.logged('file written'), [])
    rotate(2)
    await second.says('file written')
    t.match(read('map.json'), 'CANARY-user-2')
  },
)

t.test('a file that cannot be written keeps the sidecar from being ready until it can be', async (t) => {
  const { at, configOf, read } = await world(t)
  const sidecar = await startSidecar(t, {
    config: configOf([{ path: at('missing/map.json'), format: 'map', secrets: ['db/*'] }]),
  })
  const line = await sidecar.says('file is not current')
  t.match(line, { level: 'error', reason: 'place', err: { code: 'SIDEKEEP_FILE_UNWRITABLE' } })
  const { status, text } = await sidecar.ask('/readyz')
  t.equal(status, 503)
  t.match(text, '[-]files failed')
  t.notMatch(text, /map\.json|db\//)
  mkdirSync(at('missing'))
  await sidecar.says('ready: all required secrets are held')
  t.match(read('missing/map.json'), 'CANARY-user-1')
})

t.test('files come, change and go with the configuration', async (t) => {
  const { at, configOf, read } = await world(t)
  const one = { path: at('one.json'), format: 'map', secrets: ['db/user'] }
  const two = { path: at('two.json'), format: 'map', secrets: ['db/*'] }
  const { change, sidecar } = await startReloaded(t, configOf([one]))
  t.match(await change(configOf([one, two]), applied), { options: [`files.${at('two.json')}`] })
  await eventually('the second', () => read('two.json').includes('CANARY-pass word 1'))
  await change(configOf([{ ...two, secrets: ['db/user'] }]), applied)
  await eventually('less of it', () => Object.keys(JSON.parse(read('two.json')) as object).length === 1)
  await sidecar.says('file removed: the configuration names it no longer, or as something else')
  t.throws(() => read('one.json'), { code: 'ENOENT' })
})

t.test('the audit says what was given to a file', async (t) => {
  const { at, configOf } = await world(t)
  const audit = at('audit.log')
  writeFileSync(audit, '')
  const file = { path: at('map.json'), format: 'map', secrets: ['db/*'] }
  await startReadySidecar(t, { config: configOf([file], { audit: { file: audit, onFailure: 'refuse' } }) })
  const lines = readFileSync(audit, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  t.match(lines, [
    {
      action: 'file',
      name: 'db/password',
      caller: null,
      listener: at('map.json'),
      version: '1',
      status: 200,
    },
    { action: 'file', name: 'db/user' },
  ])
})

t.test('a file is written once a change leaves nothing to wait for, though no call is due', async (t) => {
  const { at, configOf, read } = await world(t)
  const long = { ...rule, refresh: '30m' }
  const file = { path: at('map.json'), format: 'map', secrets: ['db/*'] }
  const secrets = { 'db/user': long, 'db/password': long }
  const { change, sidecar } = await startReloaded(t, configOf([], { secrets }))
  const { providers } = configOf([]) as { providers: object }
  const down = { type: 'http', url: 'http://127.0.0.1:9', token: { env: 'AUTH_TOKEN' }, timeout: '1s' }
  await change(
    configOf([file], {
      providers: { ...providers, down },
      secrets: { ...secrets, 'db/down': { ...long, provider: 'down' } },
    }),
    applied,
  )
  await sidecar.says('file waits for secrets')
  await change(configOf([file], { providers, secrets }), applied)
  await sidecar.says('file written')
  t.match(read('map.json'), 'CANARY-user-1')
})
