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

// podman has no order of start: before the first turn there may be no file yet.
for (let tries = 0; 'error' in (await read()) && tries < patience / pause; tries++) await sleep(pause)

for (let turn = 1; ; turn++) {
  // Beside the question, and as often as there is time until it is answered: while nobody answers above all.
  let answered = false
  const question = ask().finally(() => {
    answered = true
  })
  let reads = 0
  let last: Awaited<ReturnType<typeof read>>
  do {
    last = await read()
    reads++
    await sleep(pause / 10)
  } while (!answered && last.error === undefined)
  process.stdout.write(`${JSON.stringify({ turn, reads, ...(await question), ...last })}\n`)
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

async function read(): Promise<{ file?: string; error?: string }> {
  try {
    return { file: JSON.parse(await readFile(file, 'utf8'))['db-password'] }
  } catch (error) {
    return { error: String(error) }
  }
}
