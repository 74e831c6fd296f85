/** Faults that `test/support/backend.ts` does not have: those that take time, and those of some keys alone. */
import type { ServerResponse } from 'node:http'
import { answer, type Handler } from '../../support/backend.ts'
import type { Scene } from './scene.ts'

/** The request is taken and never answered. */
export function neverAnswers(scene: Scene): Handler {
  return (request) => scene.hold(request.socket)
}

/** The right answer, at a byte a second. */
export function oneByteASecond(scene: Scene): Handler {
  return (request, response) => {
    const body = Buffer.from('[{"name":"held","value":"CANARY-drip"}]')
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    scene.hold(request.socket)
    let sent = 0
    const next = (): void => {
      if (response.destroyed || sent === body.length) return
      response.write(body.subarray(sent, ++sent))
      scene.clock.setTimer(next, 1_000)
    }
    next()
  }
}

/** The right answer, `ms` after the request; `ms` is not one of the lengths that the clock watches. */
export function late(scene: Scene, ms: number): Handler {
  return (request, response) => {
    const release = scene.hold(request.socket)
    scene.clock.setTimer(() => {
      release()
      if (!response.destroyed) scene.backend.serve(request, response)
    }, ms)
  }
}

/** Answers one key, or all keys but it, by another handler; the rest by the protocol. */
export function forKey(scene: Scene, name: string, handler: Handler, but = false): Handler {
  return (request, response) => {
    const asked = decodeURIComponent((request.url ?? '').split('?')[0]?.replace('/secrets/', '') ?? '')
    if ((asked === name) !== but) handler(request, response)
    else scene.backend.serve(request, response)
  }
}

/** 200 and these bytes as JSON. */
export function json(body: string | Buffer): Handler {
  return answer(200, body, { 'content-type': 'application/json' })
}

/** A body of `bytes` bytes, made as it is read: nobody holds it as a whole. Tells how many bytes were taken. */
export function endless(bytes: number, announced: boolean, taken: (bytes: number) => void): Handler {
  const piece = Buffer.alloc(64 * 1024, ' ')
  return (_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(announced ? { 'content-length': bytes } : {}),
    })
    let left = bytes
    const pour = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= piece.length
        taken(piece.length)
        if (!response.write(piece)) {
          response.once('drain', pour)
          return
        }
      }
      if (!response.destroyed) response.end()
    }
    response.on('error', () => {})
    pour()
  }
}

/** Ends the connection in good order after `body`, whatever was announced. */
export function cutAfter(response: ServerResponse, body: string): void {
  response.write(body, () => response.socket?.end())
}
