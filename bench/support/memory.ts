import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

export interface Memory {
  /** Resident set, in KiB. */
  readonly rss: number
  /** The part of it that is the process's own rather than pages of files, in KiB; undefined off Linux. */
  readonly anonymous: number | undefined
}

export function memoryOf(pid: number): Memory {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) {
    return {
      rss: Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })),
      anonymous: undefined,
    }
  }
  const status = readFileSync(file, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { rss: field('VmRSS'), anonymous: field('RssAnon') }
}
