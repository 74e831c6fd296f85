/** What backends and networks do wrong. Whatever bytes a fault sends carry the marker: they must not appear anywhere. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * `vanish`: a list without most of its secrets; of no meaning to a backend without a list. `restart`: the port refuses for a while. The others change what one
 * request gets.
 */
export type Fault =
  | 'reset'
  | 'reset mid-body'
  | 'cut short'
  | 'hang'
  | 'slow bytes'
  | '401'
  | '429'
  | '500'
  | 'truncated JSON'
  | 'HTML'
  | 'oversized'
  | 'vanish'
  | 'restart'

export const faults: readonly { readonly fault: Fault; readonly weight: number }[] = [
  { fault: 'reset', weight: 3 },
  { fault: 'reset mid-body', weight: 2 },
  { fault: 'cut short', weight: 2 },
  { fault: 'hang', weight: 2 },
  { fault: 'slow bytes', weight: 2 },
  { fault: '401', weight: 1 },
  { fault: '429', weight: 2 },
  { fault: '500', weight: 3 },
  { fault: 'truncated JSON', weight: 2 },
  { fault: 'HTML', weight: 1 },
  { fault: 'oversized', weight: 1 },
  { fault: 'vanish', weight: 6 },
  { fault: 'restart', weight: 2 },
]

/** Sends what a fault sends in place of an answer. */
export type Misbehave = (request: IncomingMessage, response: ServerResponse) => void

const json = { 'content-type': 'application/json' }
const half = '[{"name":"half","value":"CANARY-half'
/** Between two bytes, in milliseconds. */
const drip = 100
/** More than any `maxBody` of the configuration. */
const tooMuch = 2 * 1_024 * 1_024

/** The faults that answer a request by themselves. */
export const misbehaviours: Readonly<Partial<Record<Fault, Misbehave>>> = {
  reset: (request) => void request.socket.resetAndDestroy(),
  'reset mid-body': (_request, response) => {
    response.writeHead(200, { ...json, 'content-length': 1_000 })
    response.write(half, () => response.socket?.resetAndDestroy())
  },
  'cut short': (_request, response) => {
    response.writeHead(200, { ...json, 'content-length': 1_000 })
    response.write(half, () => response.socket?.end())
  },
  hang: () => {},
  'slow bytes': (_request, response) => {
    response.writeHead(200, json)
    const timer = setInterval(() => response.write(' '), drip)
    response.once('close', () => clearInterval(timer))
  },
  '401': (_request, response) => void response.writeHead(401, json).end('"CANARY-in-401"'),
  '429': (_request, response) =>
    void response.writeHead(429, { ...json, 'retry-after': '1' }).end('"CANARY-in-429"'),
  '500': (_request, response) => void response.writeHead(500, json).end('"CANARY-in-500"'),
  'truncated JSON': (_request, response) => void response.writeHead(200, json).end(half),
  HTML: (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>CANARY-in-html'),
  oversized: (_request, response) => {
    response.writeHead(200, json)
    const chunk = Buffer.alloc(64 * 1_024, 'CANARY-too-much ')
    let left = tooMuch
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length
        if (!response.write(chunk)) return
      }
      if (!response.destroyed) response.end()
    }
    response.on('drain', more)
    more()
  },
}
