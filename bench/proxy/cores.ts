/** Which processors who may use: the proxy one of its own, the load and what stands behind the proxy the others. */
import { readFileSync } from 'node:fs'
import { find } from './programs.ts'

export interface Cores {
  /** Put before a command line. */
  readonly proxy: readonly string[]
  readonly others: readonly string[]
  readonly description: string
}

export function divideCores(): Cores {
  const [first, ...rest] = allowedCores()
  const taskset = find('taskset')
  if (taskset === undefined || first === undefined || rest.length === 0) {
    const why =
      taskset === undefined ? '`taskset` is not installed (Debian: `util-linux`)' : 'there is one only'
    return {
      proxy: [],
      others: [],
      description: `Processors are not divided between the proxy and the load: ${why}.`,
    }
  }
  const others = rest.length === 1 ? 'another' : `the other ${rest.length}`
  return {
    proxy: [taskset, '-c', String(first)],
    others: [taskset, '-c', rest.join(',')],
    description: `The proxy under test has one processor to itself (\`taskset\`); wrk, the upstream and Redis share ${others}.`,
  }
}

/** From a list such as `0-3,8` (proc_pid_status(5)); empty where the system does not tell. */
function allowedCores(): number[] {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    return coresOf(/^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? '')
  } catch {
    return []
  }
}

export function coresOf(list: string): number[] {
  return list
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = Number.NaN, last = first] = part.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, at) => first + at)
    })
}
