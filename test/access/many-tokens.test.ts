import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { tokenOf } from './support/callers.ts'

const script = fileURLToPath(new URL('support/print-let-in.ts', import.meta.url))

t.test('more token files than the process may have open are all read, and stay good', async (t) => {
  const names = Array.from({ length: 400 }, (_, at) => `caller-${at}`)
  const folder = t.testdir(Object.fromEntries(names.map((name) => [name, tokenOf(name)])))
  const command = ['-c', 'ulimit -n 96 && exec "$0" "$@"', process.execPath, script, folder]
  const { stdout } = await promisify(execFile)('/bin/sh', command, { env: {} })
  t.equal(stdout, '400 400')
})
