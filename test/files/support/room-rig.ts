/** The room of the files over a real heart and a real folder, on a virtual clock. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Config } from '../../../src/config/schema.ts'
import { fileFailures } from '../../../src/files/observer.ts'
import type { FilesOptions } from '../../../src/files/options.ts'
import type { Places } from '../../../src/files/places.ts'
import { Files } from '../../../src/files/room.ts'
import { isInMemory } from '../../../src/files/writer/memory.ts'
import { publish, sweepLeftovers, unpublish } from '../../../src/files/writer/publish.ts'
import { tryPlace } from '../../../src/files/writer/trial.ts'
import { createLog } from '../../../src/observability/log.ts'
import { FilesPart } from '../../../src/parts/files.ts'
import { Heart } from '../../../src/parts/heart.ts'
import { Sources } from '../../../src/parts/sources.ts'
import { changesBetween } from '../../../src/reload/changes.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { parse } from '../../config/helpers.ts'
import { canaryGuard } from '../../support/canary.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'

export interface RigOptions {
  readonly provider: Provider | ((clock: VirtualClock) => Provider)
  /** As the configuration writes them; each is of the provider `p` unless it says something else. */
  readonly secrets: Readonly<Record<string, object>>
  /** As the configuration writes them, but for their paths: those are below the rig's folder. */
  readonly files: readonly FileEntry[]
  /** Where they lie; else a folder of its own. */
  readonly folder?: string
  /** In place of the file system's own. */
  readonly places?: Partial<Places>
  readonly audit?: FilesOptions['audit']
}

type FileEntry = { readonly path: string } & Readonly<Record<string, unknown>>

const system: Places = { publish, unpublish, tryPlace, sweepLeftovers, isInMemory }

export async function roomRig(t: Test, options: RigOptions) {
  const guard = canaryGuard(t)
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const clock = new VirtualClock()
  const { provider } = options
  const configOf = async (files: RigOptions['files'], secrets = options.secrets): Promise<Config> =>
    (await parse(JSON.stringify(written(folder, secrets, files)))).config
  let config = await configOf(options.files)
  const log = await createLog({ level: 'debug', format: 'json', destination: guard.sink('the log') })
  const random = () => 0.5
  const sources = await Sources.create(config.providers, {
    makeProvider: async () => (typeof provider === 'function' ? provider(clock) : provider),
    clock,
    random,
    log,
  })
  const heart = new Heart({ config, sources, version: '0', log, clock, random })
  let underWay = 0
  /** What was put in its place, in order. */
  const puts: string[] = []
  const counted =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      underWay += 1
      try {
        return await work(...args)
      } finally {
        underWay -= 1
      }
    }
  const real = { ...system, ...options.places }
  const places: Places = {
    tryPlace: real.tryPlace,
    publish: counted(async (path, content, ownership) => {
      const outcome = await real.publish(path, content, ownership)
      puts.push(`${path.slice(folder.length + 1)} ${outcome}`)
      return outcome
    }),
    unpublish: counted(async (path, kind) => await real.unpublish(path, kind)),
    sweepLeftovers: counted(async (path, kind) => await real.sweepLeftovers(path, kind)),
    isInMemory: counted(async (path) => await real.isInMemory(path)),
  }
  const Watched = class extends Files {
    constructor(files: ConstructorParameters<typeof Files>[0], given: FilesOptions) {
      super(files, { ...given, places })
    }
  }
  let timesCurrent = 0
  const part = new FilesPart({
    load: async () => ({ Files: Watched, fileFailures }),
    heart,
    sources,
    audit: options.audit ?? { isOn: false, record: () => undefined },
    log,
    clock,
    random,
    onCurrent: () => {
      timesCurrent += 1
    },
  })
  await part.create(config)
  heart.onCalled = () => part.called()
  t.teardown(async () => {
    await part.close()
    await heart.stop()
    heart.close()
  })
  /** Until nothing is under way that time would not begin. */
  const idle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 8; quiet += 1) {
      await settle()
      if (underWay > 0) quiet = 0
    }
  }
  const pathOf = (name: string): string => join(folder, name)
  return {
    guard,
    folder,
    clock,
    heart,
    part,
    puts,
    idle,
    pathOf,
    get timesCurrent() {
      return timesCurrent
    },
    /** As the sidecar starts. */
    async start(): Promise<void> {
      part.start()
      heart.refresher.start()
      await clock.advance(0)
      await idle()
    },
    async advance(ms: number): Promise<void> {
      await clock.advance(ms)
      await idle()
    },
    /** As a changed configuration is put in force. */
    async reload(files: RigOptions['files'], secrets = options.secrets): Promise<void> {
      const next = await configOf(files, secrets)
      const changes = changesBetween(config, next)
      if (changes === undefined) return
      const none = await sources.prepare(next.providers, changes.providers)
      const prepared = await part.prepare(next.files)
      heart.apply(next, changes, none)
      prepared?.commit()
      config = next
      await idle()
    },
    read: (name: string): string => readFileSync(pathOf(name), 'utf8'),
    /** What a file of the format `map` says. */
    map: (name: string): unknown => JSON.parse(readFileSync(pathOf(name), 'utf8')),
    /** What identifies what lies there: another write gives another. */
    identity: (name: string): string => {
      const { ino, mtimeNs } = statSync(pathOf(name), { bigint: true })
      return `${ino} ${mtimeNs}`
    },
    /** Lines of the log with this text. */
    logged: (msg: string): Record<string, unknown>[] =>
      guard
        .textOf('the log')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => line.msg === msg),
    async metrics(): Promise<string> {
      const { body } = await heart.metrics.render()
      guard.noLeak('the metrics', body)
      return body
    },
  }
}

function written(folder: string, secrets: RigOptions['secrets'], files: RigOptions['files']): object {
  return {
    api: { listen: '127.0.0.1:0' },
    providers: { p: { type: 'env', prefix: 'P_' } },
    secrets: Object.fromEntries(
      Object.entries(secrets).map(([name, rule]) => [
        name,
        'template' in rule ? rule : { provider: 'p', refresh: '1m', maxStale: '1h', ...rule },
      ]),
    ),
    files: files.map((file) => ({ ...file, path: join(folder, file.path) })),
  }
}
