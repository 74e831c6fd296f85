/** What a sidecar in a container stands in: a provider whose secrets rotate, its configuration, and load. */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import * as z from 'zod'
import { startRotatingProvider } from '../../test/image/provider.ts'
import { Container, type ContainerOptions, type Moment } from './container.ts'
import type { Image } from './images.ts'

/** Of 1 KiB each. */
export const secrets = 1_000
/** Requests a second. */
export const rate = 1_000
/** Secrets that are new each second. */
export const changing = 10

const loadProgram = resolve(import.meta.dirname, '../../test/image/load.ts')

const askedShape = z.object({ answered: z.int(), failed: z.int(), p99: z.number() })
/** What load.ts prints; milliseconds. */
export type Asked = z.infer<typeof askedShape>

/** A sidecar that is ready. */
export interface Ready {
  readonly container: Container
  readonly moment: Moment
  readonly api: string
}

/** One that ended before that, or that was not ready in time. */
export interface NotReady {
  readonly container: Container
  readonly moment: undefined
}

export type Limits = Pick<ContainerOptions, 'memory' | 'cpus'>

/** What a sidecar has to fetch before it is ready: all secrets, or one. */
export type Held = 'all' | 'one'

export class Scene {
  readonly #configurations: Readonly<Record<Held, string>>
  readonly #close: () => void

  private constructor(configurations: Readonly<Record<Held, string>>, close: () => void) {
    this.#configurations = configurations
    this.#close = close
  }

  /** @param folder - of this run */
  static async open(folder: string): Promise<Scene> {
    const all = await startRotatingProvider(secrets, changing)
    const one = await startRotatingProvider(1, 0)
    const configurations = {
      all: configured(join(folder, 'all'), all.url),
      one: configured(join(folder, 'one'), one.url),
    }
    return new Scene(configurations, () => {
      all.stop()
      one.stop()
    })
  }

  close(): void {
    this.#close()
  }

  /** Runs the image's sidecar until it is ready. The container is the caller's to remove. */
  async sidecar(image: Image, limits: Limits, held: Held = 'all'): Promise<Ready | NotReady> {
    const container = await Container.create({
      image: image.tag,
      configuration: this.#configurations[held],
      ...limits,
    })
    let api = ''
    const moment = await container.start((line) => {
      api = /"api":"(http[^"]*)"/.exec(line)?.[1] ?? api
      return line.includes('"msg":"ready')
    })
    return moment === undefined ? { container, moment } : { container, moment, api }
  }

  /** Runs a command until its first line. */
  async command(image: Image, command: readonly string[], limits: Limits): Promise<Moment> {
    const container = await Container.create({
      image: image.tag,
      command,
      configuration: this.#configurations.all,
      ...limits,
    })
    try {
      const moment = await container.start(() => true)
      if (moment === undefined) throw new Error(`${command.join(' ')} printed nothing in ${image.name}`)
      return moment
    } finally {
      await container.remove()
    }
  }
}

/** Makes the folder that is mounted. */
function configured(folder: string, url: string): string {
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'sidekeep.yaml'),
    `api: { listen: "127.0.0.1:0" }
providers: { p: { type: http, url: "${url}", maxBody: 4MiB } }
secrets: { "*": { provider: p, refresh: 5s, required: true } }
log: { format: json }
`,
  )
  return folder
}

/** Seconds past the load's end in which the last answers may come. */
const grace = 20

/**
 * Asks for each secret in turn at the fixed rate.
 *
 * @returns undefined where the container ended before the load did, or left too much of it unanswered
 */
export async function load({ container, api }: Ready, seconds: number): Promise<Asked | undefined> {
  const child = spawn(process.execPath, [loadProgram, api, String(secrets), String(rate), String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const printed = text(child.stdout)
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), (seconds + grace) * 1000)
  const asked = await Promise.race([printed, container.ended().then(() => undefined), late])
  clearTimeout(timer)
  if (asked !== undefined) return askedShape.parse(JSON.parse(asked))
  child.kill()
  await printed
  return undefined
}
