import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs a program of this folder in a process of its own, so that no other measurement's garbage counts. */
export async function measureIn<T>(program: string, ...args: readonly string[]): Promise<T> {
  const file = fileURLToPath(new URL(program, import.meta.url))
  const { stdout } = await run(process.execPath, ['--expose-gc', '--max-old-space-size=4096', file, ...args])
  return JSON.parse(stdout) as T
}

export function tell<T>(measured: T): void {
  process.stdout.write(JSON.stringify(measured))
}

/** The JavaScript heap and the buffers that it refers to, in bytes, without what is only waiting to be collected. */
export function collect(): number {
  for (let turn = 0; turn < 3; turn += 1) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
