/** What all measurements share: a folder for what they write, the processors, and the upstream. */
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cores, divideCores } from './cores.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export interface Scene {
  readonly cores: Cores
  readonly upstream: Upstream
  /** Writes a file of the scene and gives its path. */
  write(name: string, text: string): Promise<string>
  /** A path for what somebody else writes. */
  path(name: string): string
  close(): Promise<void>
}

export async function openScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekeep-proxy-bench-'))
  // When all is over, however it ends.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const files = {
    path: (name: string) => join(folder, name),
    async write(name: string, text: string) {
      const path = join(folder, name)
      await writeFile(path, text)
      return path
    },
  }
  const cores = divideCores()
  const upstream = await startUpstream({ cores, ...files })
  return {
    ...files,
    cores,
    upstream,
    close: () => upstream.stop(),
  }
}
