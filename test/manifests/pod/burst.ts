/**
 * Asks the sidecar for a thousand secrets over many connections for some seconds, as fast as it answers, and prints
 * what came of it. Runs in the application's container.
 *
 *     node burst.ts SECONDS
 */
import { Agent, get } from 'node:http'

export interface Burst {
  readonly answered: number
  readonly failed: number
}

const connections = 16
const secrets = 1000
const agent = new Agent({ keepAlive: true, maxSockets: connections })
const end = performance.now() + Number(process.argv[2]) * 1000
let next = 0
const burst = { answered: 0, failed: 0 }

await Promise.all(
  Array.from({ length: connections }, async () => {
    while (performance.now() < end) {
      if (await ask(`/v1/secrets/bulk/${next++ % secrets}`)) burst.answered++
      else burst.failed++
    }
  }),
)
process.stdout.write(`${JSON.stringify(burst satisfies Burst)}\n`)
process.exit(0)

function ask(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const headers = { 'x-sidekeep-request': 'true' }
  get({ agent, host: '127.0.0.1', port: 7575, path, headers }, (response) => {
    response.resume()
    response.on('end', () => resolve(response.statusCode === 200))
    response.on('error', () => resolve(false))
  }).on('error', () => resolve(false))
  return promise
}
