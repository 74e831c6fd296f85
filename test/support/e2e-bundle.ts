import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import { root } from './process-child.ts'
import { folderOf } from './process-sidecar.ts'

/** Builds what is shipped, as `npm run build` does, into a folder of its own that has no node_modules above it. */
export function buildBundle(t: Test): { readonly folder: string; readonly entry: string } {
  const folder = folderOf(t)
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--outdir', folder], { timeout: 60_000 })
  return { folder, entry: join(folder, 'sidekeep.js') }
}
