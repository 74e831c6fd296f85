import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A path for a Unix socket that is short enough for one, which those of tap's own test directories are not. */
export function socketPath(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidekeep-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'test.sock')
}
