/**
 * A secrets server without a door, as an application's author might write it: whoever connects is answered, and every
 * origin may read. What pages do to it shows that the attacks are real, and that the sidecar would suffer them too.
 */
import http from 'node:http'
import { listen } from './attacker.ts'

export class Naive {
  /** How often it was talked into asking its backend. */
  refreshes = 0
  readonly #server = http.createServer((request, response) => {
    const { method = '', url = '' } = request
    request.resume()
    if (method === 'POST') this.refreshes += 1
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Allow-Headers', '*, Authorization')
    if (url.startsWith('/v1/events')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('data: CANARY-event\n\n')
    } else response.writeHead(200, { 'Content-Type': 'text/html' }).end('CANARY-db-password-1')
  })

  async start(): Promise<number> {
    return await listen(this.#server)
  }

  stop(): void {
    this.#server.close().closeAllConnections()
  }
}
