import type { IncomingHttpHeaders } from 'node:http'
import { type Clock, ProviderError } from '../../../secrets/provider.ts'
import type { Lease } from '../../shared/http/connection.ts'
import type { Answer } from '../../shared/http/exchange.ts'
import { transportFailure } from '../../shared/http/failure.ts'
import { Malformed } from '../../shared/malformed.ts'
import { Lines } from './lines.ts'

/**
 * A stream that is silent for longer than this, in milliseconds, is dead, or of a server that sends no bookmarks: the
 * API server sends one about every minute. Without this bound a connection that a firewall forgot would look like a
 * Secret that never changes.
 */
export const silence = 120_000

/** A refusal is a small Status; of a larger body only the status counts. */
const longestRefusal = 64 * 1024

export interface StreamOptions {
  readonly place: string
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  /** The option that names the address, for messages. */
  readonly option: string
  /** Milliseconds until the head of the answer has to be there. */
  readonly timeout: number
  readonly clock: Clock
  /** A connection to ask over. */
  readonly lease: () => Promise<Lease>
  /** Each line as it comes. It may not be kept. What it throws ends the stream. */
  readonly onLine: (line: Buffer) => void
}

/**
 * Reads an answer that goes on until one of the two ends it. Resolves with nothing when the server ended it in good order,
 * and with the answer where that was no 200. Rejects with a ProviderError where the stream breaks, falls silent or is given
 * up, and with what `onLine` throws.
 */
export async function followStream(options: StreamOptions, signal: AbortSignal): Promise<Answer | undefined> {
  const { place, option, timeout, clock } = options
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  const ended = new AbortController()
  const end = (error: unknown): void => {
    reject(error)
    ended.abort()
  }
  const fail = (reason: 'timeout' | 'aborted' | 'malformed', words: string): void =>
    end(new ProviderError('unavailable', reason, `${place}: ${words}`))
  const abort = (): void => fail('aborted', 'the watch was given up.')
  const late = (): void =>
    fail('timeout', `no answer to the watch within ${timeout} ms. Check the API server.`)
  let timer = clock.setTimer(late, timeout)
  const heard = (): void => {
    timer.cancel()
    timer = clock.setTimer(() => fail('timeout', `the watch was silent for ${silence} ms.`), silence)
  }

  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  else {
    // Behind a promise that may be settled already: reading the files that TLS is made with may hang.
    options.lease().then(
      (lease) => {
        if (ended.signal.aborted) lease.release()
        else dispatch(lease, options, { resolve, end, heard, ended: ended.signal })
      },
      (error: unknown) =>
        end(error instanceof ProviderError ? error : transportFailure(place, error, option)),
    )
  }
  try {
    return await promise
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', abort)
  }
}

interface Ends {
  readonly resolve: (answer: Answer | undefined) => void
  readonly end: (error: unknown) => void
  readonly heard: () => void
  readonly ended: AbortSignal
}

function dispatch(lease: Lease, options: StreamOptions, { resolve, end, heard, ended }: Ends): void {
  const { place, path, headers, option, onLine } = options
  const lines = new Lines()
  const refusal: Buffer[] = []
  let head: Pick<Answer, 'status' | 'headers'> | undefined
  let size = 0
  const over = (): void => {
    lines.clear()
    lease.release()
  }

  lease.pool.dispatch(
    // undici's own clock would count a watch without events as one that does not answer.
    { method: 'GET', path, headers, bodyTimeout: 0 },
    {
      onRequestStart(controller) {
        const stop = (): void => controller.abort(new Error('the watch is no longer wanted'))
        if (ended.aborted) stop()
        else ended.addEventListener('abort', stop, { once: true })
      },
      onResponseStart(_controller, status, given) {
        if (status < 200 || ended.aborted) return
        head = { status, headers: headersOf(given) }
        heard()
      },
      onResponseData(_controller, chunk) {
        if (ended.aborted || head === undefined) return
        heard()
        if (head.status !== 200) {
          size += chunk.length
          if (size <= longestRefusal) refusal.push(chunk)
          return
        }
        try {
          if (!lines.push(chunk, onLine)) throw new Malformed('a line of the watch is too long', 'oversized')
        } catch (error) {
          end(error)
        }
      },
      onResponseEnd() {
        over()
        if (head === undefined || head.status === 200) resolve(undefined)
        else resolve({ ...head, body: Buffer.concat(size <= longestRefusal ? refusal : []) })
      },
      onResponseError(_controller, error) {
        over()
        if (head !== undefined && head.status !== 200) resolve({ ...head, body: Buffer.alloc(0) })
        else end(transportFailure(place, error, option))
      },
    },
  )
}

/** undici's types hide that any header can be a list. */
function headersOf(given: IncomingHttpHeaders): Map<string, string> {
  return new Map(
    Object.entries(given).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
}
