import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { parseConfig } from '../src/config/load.ts'
import type { Config } from '../src/config/schema.ts'
import { createLog } from '../src/observability/log.ts'
import { SecretCache } from '../src/secrets/cache.ts'
import { Sidecar } from '../src/sidecar.ts'
import { eventually } from './support/e2e-eventually.ts'
import { ask } from './support/e2e-http.ts'
import { folderOf } from './support/process-sidecar.ts'

const names = ['a', 'b', 'c', 'd']

function write(folder: string, text: string): void {
  for (const name of names) writeFileSync(join(folder, name), `CANARY-${name}-${text}`)
}

async function configOf(folder: string, api: object = {}): Promise<Config> {
  const secrets = Object.fromEntries(names.map((name) => [name, { provider: 'files', required: true }]))
  const providers = { files: { type: 'file', path: folder } }
  const text = JSON.stringify({ api: { listen: '127.0.0.1:0', ...api }, providers, secrets })
  return (await parseConfig(text, { file: 'test', env: {} })).config
}

/** A sidecar over a folder with four secrets, which are held. */
async function start(test: Test, api: object = {}) {
  const folder = folderOf(test)
  write(folder, '1')
  const log = await createLog({ level: 'silent', format: 'json', destination: { write: () => {} } })
  const sidecar = await Sidecar.create({ config: await configOf(folder, api), log, version: '0' })
  test.teardown(() => sidecar.stop())
  const address = (await sidecar.start()).api
  await sidecar.ready
  return { folder, sidecar, address }
}

/** What a stream of events begins with that goes on after `lastEventId`, up to `until`. */
async function streamAfter(address: string, lastEventId: string | undefined, until: RegExp): Promise<string> {
  const headers = {
    'X-Sidekeep-Request': 'true',
    ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }),
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const request = get(`${address}/v1/events`, { headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (until.test(text)) resolve(text)
    })
    response.on('error', () => {})
    response.on('close', () => reject(new Error(`the stream ended with ${text}`)))
  })
  request.on('error', reject)
  try {
    return await promise
  } finally {
    request.destroy()
  }
}

/** Has all four secrets rotate. @returns the id of the moment before that */
async function rotate(address: string, folder: string): Promise<string> {
  const [, before = ''] = /id: (\S+)/.exec(await streamAfter(address, undefined, /id: \S+\n/)) ?? []
  write(folder, '2')
  await eventually('the new values', async () => {
    const answers = await Promise.all(names.map((name) => ask(address, `/v1/secrets/${name}?refresh=true`)))
    return answers.every((answer) => /CANARY-\w-2/.test(answer.text))
  })
  return before
}

t.test('a stop overwrites all that is held', async (t) => {
  const held: Buffer[] = []
  const { store } = SecretCache.prototype
  t.teardown(() => {
    SecretCache.prototype.store = store
  })
  SecretCache.prototype.store = function (match, fetched, confirmation) {
    held.push(fetched.value.reveal())
    return store.call(this, match, fetched, confirmation)
  }
  const { sidecar } = await start(t)
  t.same(
    held.map((bytes) => bytes.toString()).sort(),
    names.map((name) => `CANARY-${name}-1`),
  )
  await sidecar.stop()
  t.ok(held.every((bytes) => bytes.every((byte) => byte === 0)))
})

t.test('as many events are kept as the configuration says', async (t) => {
  const { address, folder } = await start(t, { eventHistory: 2 })
  const before = await rotate(address, folder)
  t.match(await streamAfter(address, before, /event: \w+/), 'event: reset')
})

t.test('and as a changed configuration says, from then on', async (t) => {
  const { address, folder, sidecar } = await start(t)
  const before = await rotate(address, folder)
  const told = await streamAfter(address, before, /(event: rotated[\s\S]*){4}/)
  for (const name of names) t.match(told, `"name":"${name}"`)
  await sidecar.reload(await configOf(folder, { eventHistory: 2 }))
  t.match(await streamAfter(address, before, /event: \w+/), 'event: reset')
})
