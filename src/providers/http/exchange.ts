import type { IncomingHttpHeaders } from 'node:http'
import type { Pool } from 'undici'
import { ProviderError } from '../../secrets/provider.ts'
import { transportFailure } from './failure.ts'

export interface Answer {
  readonly status: number
  /** By lower-case name; a header that came several times has its values joined (RFC 9110, section 5.3). */
  readonly headers: ReadonlyMap<string, string>
  /** Empty unless the status is 200: what other answers say is neither read nor kept. */
  readonly body: Buffer
}

export interface Outgoing {
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  /** For messages. */
  readonly place: string
  /** Bytes. */
  readonly maxBody: number
}

/** A small body of an error is read to its end, so that the connection can be used again; a larger one is not worth it. */
const discardable = 64 * 1024

/**
 * One GET. The body is cut at `maxBody`, and refused at once where Content-Length announces more. Rejects with a
 * ProviderError, or with the signal's reason. undici's `dispatch` and not its `request`: that would go on waiting for a
 * connection after the signal aborted.
 */
export function exchange(pool: Pool, request: Outgoing, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const chunks: Buffer[] = []
  let size = 0
  let head: Pick<Answer, 'status' | 'headers'> | undefined
  let abortExchange = (): void => {}
  const onAbort = (): void => {
    reject(signal.reason)
    abortExchange()
  }
  const settle = (): void => signal.removeEventListener('abort', onAbort)

  /** True where the answer may go on: below the limit that its status allows. */
  const allows = (bytes: number): boolean => bytes <= (head?.status === 200 ? request.maxBody : discardable)
  const discard = (): void => {
    for (const chunk of chunks) chunk.fill(0)
    chunks.length = 0
  }
  const cut = (): void => {
    if (head?.status === 200) reject(oversized(request))
    else if (head !== undefined) resolve({ ...head, body: Buffer.alloc(0) })
    abortExchange()
  }

  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  else {
    pool.dispatch(
      { method: 'GET', path: request.path, headers: request.headers },
      {
        onRequestStart(controller) {
          abortExchange = () => controller.abort(new Error('the answer is no longer wanted'))
          if (signal.aborted) abortExchange()
        },
        onResponseStart(_controller, status, headers) {
          if (status < 200) return
          head = { status, headers: joined(headers) }
          if (!allows(Number(head.headers.get('content-length') ?? 0))) cut()
        },
        onResponseData(_controller, chunk) {
          size += chunk.length
          if (!allows(size)) cut()
          else if (head?.status === 200) chunks.push(chunk)
        },
        onResponseEnd() {
          settle()
          const body = Buffer.concat(chunks, head?.status === 200 ? size : 0)
          discard()
          if (head !== undefined) resolve({ ...head, body })
        },
        onResponseError(_controller, error) {
          settle()
          discard()
          // The status of a failure is known, whatever became of the body that came with it.
          if (head !== undefined && head.status !== 200) resolve({ ...head, body: Buffer.alloc(0) })
          else reject(transportFailure(request.place, error))
        },
      },
    )
  }
  return promise
}

/** undici's types hide that any header can be a list, and a backend can send any header twice. */
function joined(headers: IncomingHttpHeaders): Map<string, string> {
  const entries = Object.entries(headers)
  return new Map(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}

function oversized({ place, maxBody }: Outgoing): ProviderError {
  return new ProviderError(
    'unavailable',
    'oversized',
    `${place}: the answer is larger than ${maxBody} bytes. Ask for less, or raise maxBody.`,
  )
}
