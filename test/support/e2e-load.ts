/** Callers that ask one after another, each on a connection that it keeps, until the listener ends. */
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

/** Between an answer and the next request of the same caller, in milliseconds: its connection waits, as most do. */
const breath = 10

export interface Load {
  /** Requests that were answered with status 200 and the whole body. */
  readonly answered: number
  /** What became of all others, each with how often. */
  readonly lost: ReadonlyMap<string, number>
  /** Resolves when every caller is done. */
  readonly ended: Promise<void>
}

export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly callers: number
  /** The body that each answer must have, whole. */
  readonly body: string
  /**
   * What a caller does when an answer says that its connection ends: leave, or come back on another connection until
   * none is to be had any more.
   */
  readonly whenTold: 'leave' | 'return'
}

type Outcome = 'answered' | 'answered, and told to leave' | 'unreachable' | { readonly lost: string }

export function startLoad({ callers, body, whenTold, ...target }: LoadOptions): Load {
  const lost = new Map<string, number>()
  const load = { answered: 0, lost, ended: Promise.resolve() }
  const caller = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      for (;;) {
        const outcome = await askOnce(target, agent, body)
        if (outcome === 'unreachable') return
        if (typeof outcome === 'object') lost.set(outcome.lost, (lost.get(outcome.lost) ?? 0) + 1)
        else load.answered += 1
        if (outcome === 'answered, and told to leave' && whenTold === 'leave') return
        await pause(breath)
      }
    } finally {
      agent.destroy()
    }
  }
  load.ended = Promise.all(Array.from({ length: callers }, caller)).then(() => {})
  return load
}

async function askOnce(
  target: Pick<LoadOptions, 'host' | 'port' | 'path'>,
  agent: Agent,
  body: string,
): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = request({ ...target, agent, headers: { 'x-sidekeep-request': 'true' } }, resolve)
  call.on('error', reject)
  call.end()
  const response = await promise.catch(codeOf)
  if (typeof response === 'string') {
    // A connection that the kernel had taken on and the process had not yet: nobody read the request, nothing can
    // prevent it, and to its caller it is the same as one that is refused.
    const wasNeverTakenOn = response === 'ECONNREFUSED' || (response === 'ECONNRESET' && !call.reusedSocket)
    return wasNeverTakenOn ? 'unreachable' : { lost: `${response} on a kept connection` }
  }
  const received = await buffer(response).then(String, codeOf)
  if (response.statusCode !== 200) return { lost: `status ${response.statusCode}` }
  if (received !== body) return { lost: 'cut short' }
  return response.headers.connection === 'close' ? 'answered, and told to leave' : 'answered'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
