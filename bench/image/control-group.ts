/** What the kernel has counted for a container: of its control group, of version 1 or 2. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** All in bytes. */
export interface GroupMemory {
  /** Memory of the processes' own, which no pressure gets back: there is no swap. */
  readonly anonymous: number
  /**
   * All that is charged, less pages of files that nobody has used of late: what the kubelet calls the working set. The
   * rest of the charge goes before anything is killed.
   */
  readonly workingSet: number
  /** The most that was ever charged, pages of files included: at the limit, it says no more than the limit. */
  readonly peak: number
}

export interface ControlGroup {
  memory(): GroupMemory
  /** Seconds of processor time, user and system, since the container was made: the runtime's last steps included. */
  cpuSeconds(): number
}

const mount = '/sys/fs/cgroup'

/**
 * The group of a process.
 *
 * @throws where the process is gone, or in no group that counts memory and processor time
 */
export function controlGroupOf(pid: number): ControlGroup {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  const memory = pathOf(groups, 'memory')
  const cpu = pathOf(groups, 'cpuacct')
  const reader =
    (...folder: string[]) =>
    (file: string): string =>
      readFileSync(join(mount, ...folder, file), 'utf8')
  if (memory !== undefined && cpu !== undefined) {
    const [memoryFile, cpuFile] = [reader('memory', memory), reader('cpuacct', cpu)]
    return {
      memory: () => ({
        ...memoryOf(memoryFile('memory.stat'), Number(memoryFile('memory.usage_in_bytes'))),
        peak: Number(memoryFile('memory.max_usage_in_bytes')),
      }),
      cpuSeconds: () => Number(cpuFile('cpuacct.usage')) / 1e9,
    }
  }
  const unified = pathOf(groups, '')
  if (unified === undefined)
    throw new Error(`process ${pid} is in no control group that counts memory and processor time`)
  const file = reader(unified)
  return {
    memory: () => ({
      ...memoryOf(file('memory.stat'), Number(file('memory.current'))),
      peak: Number(file('memory.peak')),
    }),
    cpuSeconds: () => (field(file('cpu.stat'), 'usage_usec') ?? Number.NaN) / 1e6,
  }
}

/**
 * Where a controller has the group of a process.
 *
 * @param groups - the process's `/proc/PID/cgroup` (cgroups(7)): `ID:CONTROLLERS:PATH`, a line each
 * @param controller - empty: the one hierarchy of version 2
 * @returns undefined where no hierarchy has the controller
 */
export function pathOf(groups: string, controller: string): string | undefined {
  for (const line of groups.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers?.split(',').includes(controller)) return path
  }
  return undefined
}

/**
 * @param stat - the group's `memory.stat`. Version 1 has the figures of the group with all below it as `total_…`, and
 *   calls anonymous memory `rss`
 * @param charged - bytes, in all
 */
export function memoryOf(stat: string, charged: number): Omit<GroupMemory, 'peak'> {
  const anonymous = field(stat, 'total_rss') ?? field(stat, 'anon')
  const inactive = field(stat, 'total_inactive_file') ?? field(stat, 'inactive_file')
  if (anonymous === undefined || inactive === undefined)
    throw new Error('memory.stat has no figures of the group')
  return { anonymous, workingSet: Math.max(0, charged - inactive) }
}

/** A figure of a file that has a name and a figure on each line. */
export function field(file: string, name: string): number | undefined {
  const [, figure] = new RegExp(`^${name} (\\d+)$`, 'm').exec(file) ?? []
  return figure === undefined ? undefined : Number(figure)
}
