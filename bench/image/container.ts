/** One container that is started, looked at and removed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { podman } from '../../test/manifests/pod/podman.ts'
import { type ControlGroup, controlGroupOf } from './control-group.ts'
import { ours } from './podman.ts'

export interface ContainerOptions {
  readonly image: string
  /** In place of the image's own; undefined: the image's own. */
  readonly command?: readonly string[] | undefined
  /** MiB; undefined: no limit. */
  readonly memory?: number | undefined
  /** Of a processor; undefined: no limit. */
  readonly cpus?: number | undefined
  /** Has `sidekeep.yaml`. */
  readonly configuration: string
}

/** Since the start, when a line came. */
export interface Moment {
  readonly line: string
  /** Milliseconds since `podman start` was run. */
  readonly sinceStart: number
  /** Milliseconds since the kernel made the container's first process; to the hundredth of a second. */
  readonly sinceProcess: number | undefined
  /** Seconds of processor time of the container. Undefined, as that above: it has ended already. */
  readonly cpu: number | undefined
}

export interface End {
  /** 128 and the signal's number where one ended it. */
  readonly exitCode: number
}

/** Seconds; a limit that leaves hardly any memory for pages of files has them read from the disk again and again. */
export const patience = 30
let made = 0

export class Container {
  readonly #name: string
  readonly #pidFile: string
  #starting: ChildProcess | undefined
  #group: ControlGroup | undefined

  private constructor(name: string, pidFile: string) {
    this.#name = name
    this.#pidFile = pidFile
  }

  /** Confined as the manifests have it, on the machine's own loopback, where the provider is. */
  static async create(options: ContainerOptions): Promise<Container> {
    made += 1
    const name = `${ours}-${made}`
    const pidFile = join(process.cwd(), `${name}.pid`)
    const { image, command = [], memory, cpus, configuration } = options
    const limits = [
      ...(memory === undefined ? [] : ['--memory', `${memory}m`, '--memory-swap', `${memory}m`]),
      ...(cpus === undefined ? [] : ['--cpus', String(cpus)]),
    ]
    const confinement = ['--read-only', '--read-only-tmpfs=false', '--cap-drop', 'all', '--no-healthcheck']
    const names = ['--name', name, '--pidfile', pidFile, '--network', 'host']
    const volume = ['--volume', `${configuration}:/etc/sidekeep:ro`]
    await podman('create', ...names, ...limits, ...confinement, ...volume, image, ...command)
    return new Container(name, pidFile)
  }

  /**
   * Starts it and waits for a line.
   *
   * @param look - called with each line
   * @returns undefined where it ended without such a line, or has not printed it in time
   */
  async start(look: (line: string) => boolean): Promise<Moment | undefined> {
    const began = performance.now()
    const starting = spawn('podman', ['start', '--attach', this.#name], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#starting = starting
    const { promise, resolve } = Promise.withResolvers<Moment | undefined>()
    const lines = createInterface({ input: starting.stdout })
    lines.on('line', (line) => {
      if (look(line)) resolve({ line, sinceStart: performance.now() - began, ...this.#process() })
    })
    lines.on('close', () => resolve(undefined))
    const timer = setTimeout(() => resolve(undefined), patience * 1000)
    const moment = await promise
    clearTimeout(timer)
    return moment
  }

  /** What the kernel has counted for it. @throws where it has ended */
  get group(): ControlGroup {
    this.#group ??= controlGroupOf(this.#pid())
    return this.#group
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    const starting = this.#starting
    if (starting === undefined || starting.exitCode !== null) return
    await once(starting, 'exit')
  }

  /** How it ended; undefined: it runs. */
  async end(): Promise<End | undefined> {
    const format = '{{.State.Running}} {{.State.ExitCode}}'
    const [running, exitCode] = (await podman('inspect', '--format', format, this.#name)).split(' ')
    return running === 'true' ? undefined : { exitCode: Number(exitCode) }
  }

  async remove(): Promise<void> {
    await podman('rm', '--force', '--time', '0', this.#name)
    await this.ended()
  }

  #pid(): number {
    return Number(readFileSync(this.#pidFile, 'utf8'))
  }

  #process(): Pick<Moment, 'sinceProcess' | 'cpu'> {
    try {
      const cpu = this.group.cpuSeconds()
      return { sinceProcess: ageOf(this.#pid()), cpu }
    } catch {
      return { sinceProcess: undefined, cpu: undefined }
    }
  }
}

/** Milliseconds since the process was made; both of the files tell it in hundredths of a second since the machine's start. */
function ageOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces; what comes after it is numbered from 3 (proc_pid_stat(5)).
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  return uptime * 1000 - ticks * 10
}
