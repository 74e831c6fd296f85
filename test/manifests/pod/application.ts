/**
 * The application of the pod check: asks for its secret every 100 ms over localhost, goes on with the value it has
 * when nobody answers, and prints a line for each question. Runs in a container, by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const address = 'http://127.0.0.1:7575/v1/secrets/db-password?format=raw'
/** Milliseconds. */
const pause = 100
let held: string | undefined

// The first process of a container has no default action for signals: without this it would have to be killed.
process.on('SIGTERM', () => process.exit(0))

for (let asked = 1; ; asked++) {
  const answered = await ask()
  process.stdout.write(`${JSON.stringify({ asked, answered, value: held })}\n`)
  await sleep(pause)
}

async function ask(): Promise<boolean> {
  try {
    const response = await fetch(address, {
      headers: { 'x-sidekeep-request': 'true' },
      signal: AbortSignal.timeout(1000),
    })
    const body = await response.text()
    if (response.ok) held = body
    return response.ok
  } catch {
    return false
  }
}
