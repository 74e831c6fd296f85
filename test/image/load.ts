/**
 * Asks a sidecar for its secrets in turn, at a given rate, over a few connections, and prints what came of it. A process
 * of its own, like wrk, which cannot hold a rate.
 *
 *     node test/image/load.ts URL SECRETS REQUESTS-PER-SECOND SECONDS
 */
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Asked {
  readonly answered: number
  /** Answers other than a 200 with a value of the right length, and requests that got none. */
  readonly failed: number
  /** Milliseconds, of answered requests. */
  readonly p50: number
  readonly p99: number
  readonly slowest: number
}

/** Milliseconds between two batches. */
const tick = 10
/** A value of 1 KiB, and what JSON adds to it. */
const shortest = 1024
const [url = '', secrets, rate, seconds] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: 16 })
const perTick = (Number(rate) * tick) / 1000
const times: number[] = []
const waiting = new Set<Promise<void>>()
let failed = 0
let sent = 0

const began = performance.now()
for (let due = 0; performance.now() - began < Number(seconds) * 1000; ) {
  due = Math.floor(((performance.now() - began) / tick) * perTick)
  // What a stall of this process left undone is not sent in one burst after it.
  if (due - sent > perTick * 10) sent = due - Math.ceil(perTick)
  for (; sent < due; sent += 1) {
    const asked = ask(`${url}/v1/secrets/secret-${sent % Number(secrets)}`)
    waiting.add(asked)
    asked.finally(() => waiting.delete(asked))
  }
  await sleep(tick)
}
await Promise.all(waiting)
times.sort((a, b) => a - b)
const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
const asked: Asked = { answered: times.length, failed, p50: at(0.5), p99: at(0.99), slowest: at(1) }
process.stdout.write(`${JSON.stringify(asked)}\n`)
process.exit(0)

function ask(address: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const from = performance.now()
  const fail = (): void => {
    failed += 1
    resolve()
  }
  const options = { agent, timeout: 10_000, headers: { 'x-sidekeep-request': 'true' } }
  const request = get(address, options, (response) => {
    let length = 0
    response.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    response.on('end', () => {
      if (response.statusCode !== 200 || length < shortest) return fail()
      times.push(performance.now() - from)
      resolve()
    })
    response.on('error', fail)
  })
  request.on('timeout', () => request.destroy(new Error('no answer')))
  request.on('error', fail)
  return promise
}
