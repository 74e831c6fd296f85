/** Programs of the system that the benchmark runs: where they are, and how one gets them. */
import { delimiter, join } from 'node:path'
import { isExecutable } from '../support/executable.ts'

/** By the name of the program, the Debian package that has it. */
const packages = {
  wrk: 'wrk',
  nginx: 'nginx',
  haproxy: 'haproxy',
  'redis-server': 'redis-server',
  taskset: 'util-linux',
  prlimit: 'util-linux',
} as const

export type Program = keyof typeof packages

/** Where Debian has servers, which is not on the PATH of everyone. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']

/** The program's file; undefined where it is not installed. */
export function find(program: Program): string | undefined {
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

/** @throws a {@link Missing} where it is not installed */
export function locate(program: Program): string {
  const file = find(program)
  if (file === undefined) throw new Missing(program)
  return file
}

export class Missing extends Error {
  constructor(program: Program) {
    super(`\`${program}\` is not installed (Debian: \`apt-get install ${packages[program]}\`)`)
  }
}
