import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { root } from './process-child.ts'
import { folderOf } from './process-sidecar.ts'

export interface ShellResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a line as somebody would who pasted it. */
export function shell(line: string, path: string): Promise<ShellResult> {
  const { promise, resolve } = Promise.withResolvers<ShellResult>()
  execFile('/bin/sh', ['-c', line], { env: { PATH: path }, timeout: 20_000 }, (error, stdout, stderr) => {
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
    resolve({ code, stdout, stderr })
  })
  return promise
}

/** A PATH whose curl is the stand-in. */
export function pathWithStandIn(t: Test): string {
  const folder = folderOf(t)
  const script = join(root, 'test', 'support', 'process-curl.ts')
  writeFileSync(join(folder, 'curl'), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`, {
    mode: 0o755,
  })
  return `${folder}:/usr/bin:/bin`
}

/** A PATH whose curl is that of the machine; undefined where it has none. */
export function pathWithCurl(): string | undefined {
  const { PATH = '' } = process.env
  const found = spawnSync('/bin/sh', ['-c', 'command -v curl'], { env: { PATH } })
  return found.status === 0 ? PATH : undefined
}
