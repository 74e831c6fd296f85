import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { begin } from './contents.ts'

/**
 * What changes files, without `write`: Node's threads wake each other by that, now more and now less often, and the writer
 * says where it writes (pwrite). By any of its names; `?` for those that a processor does not have.
 */
const writing = [
  'openat',
  'pwrite64',
  'writev',
  'pwritev',
  'ftruncate',
  'fsync',
  'fdatasync',
  ...['open', 'creat', 'mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'link', 'linkat'],
  ...['rename', 'renameat', 'renameat2', 'symlink', 'symlinkat'],
  ...['fchmod', 'chmod', 'fchmodat', 'fchown', 'chown', 'lchown', 'fchownat'],
]

/** The nth call of that name of the thread that does the work. */
export interface Call {
  readonly name: string
  readonly nth: number
}

/** Runs `run.ts` under strace; without --seccomp-bpf, with which strace 6.1 does not kill. */
export async function traced(options: readonly string[], args: readonly string[]) {
  const run = join(import.meta.dirname, 'run.ts')
  const trace = `trace=${writing.map((name) => `?${name}`).join()}`
  const strace = ['-f', '-qq', ...(options.includes('-o') ? ['-e', trace] : ['-o', '/dev/null'])]
  const child = spawn('strace', [...strace, ...options, process.execPath, run, ...args], {
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code, signal] = await once(child, 'exit')
  return { code, signal } as { readonly code: number | null; readonly signal: NodeJS.Signals | null }
}

/**
 * The calls of a trace that write to a folder's files, counted as strace counts them: for each thread and name apart.
 *
 * @throws where another thread might be killed first, or writes itself
 */
export function callsOf(trace: string, folder: string): Call[] {
  const counts = new Map<string, Map<string, number>>()
  const calls: Call[] = []
  // What is in a folder is reached through its descriptor.
  const ours = [folder, '/proc/self/fd/']
  let worker: string | undefined
  for (const line of trace.split('\n')) {
    const [, thread, name] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (thread === undefined || name === undefined) continue
    const ofThread = counts.get(thread) ?? new Map<string, number>()
    counts.set(thread, ofThread)
    const nth = (ofThread.get(name) ?? 0) + 1
    ofThread.set(name, nth)
    if (line.includes(begin)) worker = thread
    else if (
      worker !== undefined &&
      ours.some((part) => line.includes(part)) &&
      (name !== 'openat' || line.includes('O_CREAT'))
    ) {
      if (thread !== worker) throw new Error(`another thread writes: ${line}`)
      calls.push({ name, nth })
    }
  }
  for (const { name, nth } of calls) {
    for (const [thread, ofThread] of counts) {
      if (thread !== worker && (ofThread.get(name) ?? 0) >= nth)
        throw new Error(`${name} ${nth} is not only the worker's`)
    }
  }
  for (const name of [
    'openat',
    'pwrite64',
    'fchmod',
    'fsync',
    'mkdir',
    'symlink',
    'rename',
    'unlink',
    'rmdir',
  ]) {
    // Other processors know some of them by another name: mkdirat, say.
    if (!calls.some((call) => call.name.startsWith(name))) throw new Error(`the trace has no ${name}`)
  }
  return calls
}
