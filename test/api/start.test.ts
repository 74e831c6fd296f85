import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const server = new URL('../../src/api/server.ts', import.meta.url).href
const metrics = new URL('../../src/observability/metrics.ts', import.meta.url).href

/** Builds both listeners in a fresh process and prints which packages that loaded. */
const script = `
  import { Module } from 'node:module'
  const { createApi, createOps } = await import(${JSON.stringify(server)})
  const { createMetrics } = await import(${JSON.stringify(metrics)})
  const clock = { now: () => 0, wall: () => 0, setTimer: () => ({ cancel() {} }) }
  const cache = { read: () => ({ kind: 'not-found' }), statuses: () => [], stats: () => ({ entries: 0, bytes: 0 }) }
  const metrics = createMetrics({ version: '', providers: [], cache })
  const health = { livez: [], startupz: [], readyz: [] }
  const config = { hosts: [], maxConnections: 1, demandTimeout: 1, refreshTimeout: 1, maxWait: 1, maxWaiters: 1, maxEventStreams: 1 }
  const deps = { cache, refresher: {}, changes: {}, health, metrics, clock, log: { error() {}, warn() {}, debug() {} }, version: '', config, access: { wants: 'nothing' } }
  await createApi(deps).ready()
  await createOps(deps).ready()
  const loaded = Object.keys(Module._cache).map((path) => path.split('/node_modules/').at(-1))
  console.log(JSON.stringify([...new Set(loaded.map((path) => path.split('/').slice(0, path.startsWith('@') ? 2 : 1).join('/')))]))
`

t.test(
  'to build the listeners loads neither validators nor the metrics library nor the document maker',
  async (t) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        env: { PATH: process.env.PATH },
      },
    )
    const packages = JSON.parse(stdout) as string[]
    t.ok(packages.includes('fastify'))
    for (const late of [
      'ajv',
      '@fastify/ajv-compiler',
      '@fastify/fast-json-stringify-compiler',
      '@fastify/swagger',
      '@prometheus-io/client',
      'light-my-request',
    ]) {
      t.notOk(packages.includes(late), late)
    }
  },
)
