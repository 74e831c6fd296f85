import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { DemoBackend } from './backend.ts'

/** What the curl lines of the demo do to its provider: rotate now, stop it, start it again. */
export function createControl(backend: DemoBackend): Server {
  const actions: Record<string, () => Promise<string> | string> = {
    '/rotate': () => `db-password is at v${backend.rotate('db-password')} at the provider now`,
    '/stop': async () => {
      await backend.stop()
      return 'the provider is down now: the sidecar serves on, and says "stale" in 2 s'
    },
    '/start': async () => {
      await backend.start()
      return 'the provider is up again: the sidecar finds it by itself'
    },
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const action = Object.hasOwn(actions, request.url ?? '') ? actions[request.url ?? ''] : undefined
    if (action === undefined) response.writeHead(404).end('POST /rotate, /stop or /start\n')
    else if (request.method !== 'POST') response.writeHead(405, { allow: 'POST' }).end()
    else response.end(`${await action()}\n`)
  }
  return createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(`that did not work: ${error instanceof Error ? error.message : error}\n`)
    })
  })
}
