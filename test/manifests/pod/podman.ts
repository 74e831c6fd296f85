/** The few things that the pod check asks of podman. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
/** Of the longest log; an application that runs for minutes prints some hundred KiB. */
const maxBuffer = 64 * 1024 * 1024

/** Rejects where podman fails; the error has what podman said. */
export async function podman(...args: string[]): Promise<string> {
  const { stdout } = await execute('podman', args, { maxBuffer })
  return stdout.trim()
}

/** A container of the pod, by its name in the manifest. */
export class PodContainer {
  readonly #name: string

  constructor(pod: string, container: string) {
    this.#name = `${pod}-${container}`
  }

  /** Of its first process on this machine; 0 while it does not run. */
  async pid(): Promise<number> {
    return Number(await this.#inspect('{{.State.Pid}}'))
  }

  /** How often podman has started it again after it had ended by itself. */
  async restarts(): Promise<number> {
    return Number(await this.#inspect('{{.RestartCount}}'))
  }

  async exitCode(): Promise<number> {
    return Number(await this.#inspect('{{.State.ExitCode}}'))
  }

  async isRunning(): Promise<boolean> {
    return (await this.#inspect('{{.State.Running}}')) === 'true'
  }

  /** All that it has printed since it was created, over its restarts. */
  async log(): Promise<string> {
    const { stdout, stderr } = await execute('podman', ['logs', this.#name], { maxBuffer })
    return stdout + stderr
  }

  exec(...command: string[]): Promise<string> {
    return podman('exec', this.#name, ...command)
  }

  /** SIGTERM, then SIGKILL; what asked for it is remembered, so that it is not started again. */
  async stop(graceSeconds: number): Promise<void> {
    await podman('stop', '--time', String(graceSeconds), this.#name)
  }

  #inspect(format: string): Promise<string> {
    return podman('inspect', '--type', 'container', '--format', format, this.#name)
  }
}

/** The address of the pod, where the kubelet and Prometheus would ask. */
export async function podAddress(pod: string): Promise<string> {
  const infra = await podman('pod', 'inspect', '--format', '{{.InfraContainerID}}', pod)
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  return podman('inspect', '--type', 'container', '--format', format, infra)
}

export interface Confinement {
  readonly uid: number
  /** Effective capabilities, as the kernel's hexadecimal mask. */
  readonly capabilities: string
  readonly noNewPrivileges: boolean
  readonly seccompFilter: boolean
  /** Whether the root of the container is mounted read-only. */
  readonly readOnlyRoot: boolean
}

/** What the kernel says of a process, whatever the manifest promised. */
export function confinementOf(pid: number): Confinement {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const mounts = readFileSync(`/proc/${pid}/mounts`, 'utf8')
  return {
    uid: Number(field('Uid')),
    capabilities: field('CapEff'),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccompFilter: field('Seccomp') === '2',
    readOnlyRoot: /^\S+ \/ \S+ ro[, ]/m.test(mounts),
  }
}

/** What a container may take and has taken at the most, in bytes. */
export interface MemoryCharge {
  readonly limit: number
  readonly peak: number
}

/** From the control group of the process, of either version. */
export function memoryChargeOf(pid: number): MemoryCharge {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  const first = /^[0-9]+:memory:(.*)$/m.exec(groups)?.[1]
  const read = (...path: string[]): number => Number(readFileSync(join('/sys/fs/cgroup', ...path), 'utf8'))
  if (first !== undefined) {
    return {
      limit: read('memory', first, 'memory.limit_in_bytes'),
      peak: read('memory', first, 'memory.max_usage_in_bytes'),
    }
  }
  const second = /^0::(.*)$/m.exec(groups)?.[1]
  if (second === undefined) throw new Error(`process ${pid} is in no control group for memory`)
  return { limit: read(second, 'memory.max'), peak: read(second, 'memory.peak') }
}
