/**
 * Writes the fault matrix of docs/reliability.md anew, by running the tests that observe it. Where a fault is met
 * otherwise than its row expects, the table still says what was observed, and this ends with 1.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

/** The exit code of one test file; what it printed follows on stderr where it failed. */
async function run(file: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(process.execPath, [file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    // tap gives a file 30 s unless it is told otherwise; its runner, which .taprc is for, is not needed here.
    env: { ...process.env, SIDEKEEP_WRITE_RELIABILITY: '1', TAP_TIMEOUT: '90' },
  })
  const printed: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk))
  child.once('error', reject)
  child.once('close', (code) => resolve(code ?? 1))
  const code = await promise
  console.log(`${code === 0 ? 'ok' : 'not ok'} ${file}`)
  if (code !== 0) process.stderr.write(Buffer.concat(printed))
  return code
}

// One after the other: they write to the same page.
for (const file of globSync(join('test', 'faults', '*.test.ts'), { cwd: root }).sort()) {
  if ((await run(file)) !== 0) process.exitCode = 1
}
