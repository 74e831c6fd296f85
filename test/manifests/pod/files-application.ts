/**
 * The application of the files check: needs its secret ten times a second, and reads it both ways. Over localhost it
 * asks again while nobody answers, as docs/kubernetes.md has it; the file it opens anew at each use. Prints a line for
 * each turn, with what it got. Runs in a container, by itself.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const address = 'http://127.0.0.1:7575/v1/secrets/db-password?format=raw'
const file = '/shared/secrets.json'
/** Milliseconds. */
const pause = 100
/** How long it asks again before it gives up, in milliseconds. */
const patience = 30_000

// The first process of a container has no default action for signals: without this it would have to be killed.
process.on('SIGTERM', () => process.exit(0))

for (let turn = 1; ; turn++) {
  // At the same time: what hinders the one must not hide what hinders the other.
  const [asked, read] = await Promise.all([ask(), readOf(turn)])
  process.stdout.write(`${JSON.stringify({ turn, ...asked, ...read })}\n`)
  await sleep(pause)
}

async function ask(): Promise<{ api?: string; tries: number }> {
  const end = performance.now() + patience
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(address, {
        headers: { 'x-sidekeep-request': 'true' },
        signal: AbortSignal.timeout(1000),
      })
      const body = await response.text()
      if (response.ok) return { api: body, tries }
    } catch {
      // Nobody there: again.
    }
    if (performance.now() > end) return { tries }
    await sleep(pause)
  }
}

/** The file's value; before its first turn podman has no order of start, so that one waits. */
async function readOf(turn: number): Promise<{ file?: string; error?: string }> {
  const end = performance.now() + (turn === 1 ? patience : 0)
  for (;;) {
    try {
      return { file: JSON.parse(await readFile(file, 'utf8'))['db-password'] }
    } catch (error) {
      if (performance.now() > end) return { error: String(error) }
      await sleep(pause)
    }
  }
}
