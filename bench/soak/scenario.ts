/** The scene of a run: backends, what they have, the configuration that names it, and what the oracle knows of it. */
import { Backend } from './backend.ts'
import { Catalogue, type Rule } from './catalogue.ts'
import { Directory } from './directory.ts'
import type { Dice } from './random.ts'
import { Store } from './store.ts'
import type { Subject } from './subject.ts'
import { Upstream } from './upstream.ts'
import { field } from './values.ts'

/** The bearer token of all backends. */
export const token = 'CANARY-soak-token'
export const envPrefix = 'SOAK_SECRET_'

/** What the sidecar may ask of one backend, and what it is held against. */
export interface Budget {
  readonly maxCallsPerSecond: number
  readonly maxConcurrentCalls: number
}

export interface ConfigOptions {
  /** Whether the rule that comes and goes is there. */
  readonly extra: boolean
  /** `refresh` of one rule, in seconds: at most what its subject says. */
  readonly refreshSeconds: number
  /** Requests a second through the proxy. */
  readonly proxyRate: number
}

/** Stores whose keys rotate, one as often as another. */
export interface Rotating {
  readonly store: Store
  /** Those that also go away and come back. */
  readonly removable: readonly string[]
  /** Those that rotate; all, where it is absent. */
  readonly keys?: readonly string[]
}

export interface Scenario {
  readonly backends: readonly Backend[]
  readonly budgets: ReadonlyMap<string, Budget>
  readonly directory: Directory
  readonly upstream: Upstream
  readonly subjects: readonly Subject[]
  /** The environment of the sidecar, beside PATH. */
  readonly env: Readonly<Record<string, string>>
  readonly rotating: readonly Rotating[]
  config(options: ConfigOptions): object
  close(): Promise<void>
}

export const initial: ConfigOptions = { extra: true, refreshSeconds: 1, proxyRate: 50 }

/** How long the sidecar may take to stop, in milliseconds: the default, which leaves room for callers who never read. */
export const shutdownTimeout = 25_000

/** Between two looks at files and environment, in milliseconds. */
const standingEvery = 200

const budgets = new Map<string, Budget>([
  ['list', { maxCallsPerSecond: 10, maxConcurrentCalls: 2 }],
  ['steady', { maxCallsPerSecond: 10, maxConcurrentCalls: 2 }],
  ['keys', { maxCallsPerSecond: 40, maxConcurrentCalls: 6 }],
  ['slow', { maxCallsPerSecond: 20, maxConcurrentCalls: 4 }],
])

/** Builds the scene; the backends listen, the directory is written. */
export async function createScenario(dice: Dice, folder: string): Promise<Scenario> {
  const stores = new Map(
    ['list', 'steady', 'keys', 'slow', 'files'].map((name) => [name, new Store(dice.fork())]),
  )
  const storeOf = (name: string): Store => {
    const store = stores.get(name)
    if (store === undefined) throw new Error(`no store ${name}`)
    return store
  }
  const environment = new Store(dice.fork())
  const catalogue = new Catalogue((provider) =>
    provider === 'environment' ? environment : storeOf(provider),
  )
  const list = { provider: 'list', refresh: '1s', maxStale: '6s' } as const
  catalogue.declare({ ...list, name: 'db-0' }, { shape: 'json' })
  for (let at = 1; at < 5; at += 1)
    catalogue.declare({ ...list, name: `db-${at}` }, { versioned: at % 2 === 0 })
  catalogue.alias({ ...list, name: 'db-field', key: 'db-0', field })
  catalogue.declare({ ...list, name: 'bin' }, { shape: 'binary', versioned: false })
  catalogue.declare({ ...list, name: 'blob', maxStale: '60s' }, { shape: 'large' })
  catalogue.cover({ ...list, name: 'team-*', maxStale: '10s' }, 12)

  const steady = { provider: 'steady', refresh: '1s', maxStale: '3600s' } as const
  catalogue.declare({ ...steady, name: 'core', required: true })
  for (let at = 0; at < 3; at += 1) {
    catalogue.declare({ ...steady, name: `steady-${at}` }, { shape: 'json', versioned: false })
  }
  const retimed: Rule = { ...steady, name: 'retimed', refresh: '3s' }
  catalogue.varying(retimed)
  const extra: Rule = { ...steady, name: 'extra' }
  catalogue.varying(extra, { comesAndGoes: true })

  const keys = { provider: 'keys', refresh: '1s', maxStale: '4s' } as const
  catalogue.declare({ ...keys, name: 'key-0', maxStale: '3600s', required: true })
  for (let at = 1; at < 6; at += 1)
    catalogue.declare({ ...keys, name: `key-${at}` }, { versioned: at % 2 === 0 })
  catalogue.declare({ ...keys, name: 'leased' }, { lease: 4 })
  catalogue.cover({ ...keys, name: 'dyn/*' }, 15)
  for (let at = 0; at < 4; at += 1) {
    catalogue.declare({ provider: 'slow', name: `slow-${at}`, refresh: '2s', maxStale: '3s' })
    const file = { provider: 'files', refresh: '1s', maxStale: '3600s' } as const
    catalogue.declare({ ...file, name: `file-${at}` }, { versioned: false })
  }
  const fromEnv: Rule = {
    provider: 'environment',
    name: 'from-env',
    key: 'ONE',
    refresh: '1s',
    maxStale: '60s',
  }
  catalogue.declare(fromEnv, { versioned: false })
  const env = {
    // About what V8 takes for itself in a small pod. With a machine's whole memory before it, it would collect its old
    // generation for the first time after two minutes, and growth could not be told from garbage before that.
    NODE_OPTIONS: '--max-old-space-size=48',
    SOAK_TOKEN: token,
    [`${envPrefix}ONE`]: environment.timeline('ONE')?.current.value?.toString('utf8') ?? '',
  }

  const directory = new Directory(`${folder}/files`, storeOf('files'))
  await directory.publish()
  const upstream = new Upstream(dice.fork())
  const upstreamUrl = await upstream.start()
  const backends: Backend[] = []
  const providers: Record<string, object> = {
    files: { type: 'file', path: directory.path, format: 'directory', poll: '500ms' },
    environment: { type: 'env', prefix: envPrefix },
  }
  for (const [name, budget] of budgets) {
    const lists = name === 'list' || name === 'steady'
    const backend = new Backend({ name, store: storeOf(name), lists, token })
    backends.push(backend)
    const url = `${await backend.start()}/${lists ? 'list' : 'key/{key}'}`
    providers[name] = { type: 'http', url, token: { env: 'SOAK_TOKEN' }, timeout: '1s', ...budget }
  }

  // What lies in files and in the environment is confirmed by being there.
  const standing = setInterval(() => {
    directory.confirm()
    for (const [key, offer] of environment.current) {
      environment.timeline(key)?.answered(offer, performance.now())
    }
  }, standingEvery)

  return {
    backends,
    budgets,
    directory,
    upstream,
    subjects: catalogue.subjects,
    env,
    rotating: [
      { store: storeOf('list'), removable: ['db-1', 'team-1', 'team-2'] },
      // The large one, since answers with it are long under way.
      { store: storeOf('list'), removable: [], keys: ['blob'] },
      { store: storeOf('steady'), removable: [] },
      { store: storeOf('keys'), removable: ['key-5', 'dyn/1', 'dyn/2'] },
      { store: storeOf('slow'), removable: ['slow-3'] },
      { store: storeOf('files'), removable: [] },
    ],
    config: ({ extra: hasExtra, refreshSeconds, proxyRate }) => ({
      api: { listen: '127.0.0.1:0', demandTimeout: '2s', refreshTimeout: '3s' },
      ops: { listen: '127.0.0.1:0' },
      proxy: {
        listen: '127.0.0.1:0',
        upstream: upstreamUrl,
        timeouts: { connect: '500ms', headers: '1s', idle: '1s' },
        limits: [{ name: 'all', key: 'none', rate: `${proxyRate}/s`, burst: 20 }],
      },
      providers,
      secrets: Object.fromEntries(
        [...catalogue.rules, { ...retimed, refresh: `${refreshSeconds}s` }, ...(hasExtra ? [extra] : [])].map(
          ({ name, ...rule }) => [name, rule],
        ),
      ),
      cache: { missingTtl: '1s', maxEntries: 500, maxMissing: 500 },
      reload: { poll: '500ms' },
      shutdown: { timeout: `${shutdownTimeout}ms` },
      log: { format: 'json' },
    }),
    async close() {
      clearInterval(standing)
      upstream.stop()
      await Promise.all(backends.map((backend) => backend.stop()))
    },
  }
}
