import type { IncomingHttpHeaders } from 'node:http'
import type { Pool } from 'undici'
import { ProviderError } from '../../../secrets/provider.ts'
import { transportFailure } from './failure.ts'

export interface Answer {
  readonly status: number
  /** By lower-case name; a header that came several times has its values joined (RFC 9110, section 5.3). */
  readonly headers: ReadonlyMap<string, string>
  /** Empty unless the status is 2xx, or `keepsErrors`: what other answers say is neither read nor kept. */
  readonly body: Buffer
}

export interface Outgoing {
  /** GET by default. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  /** What is sent. Its Content-Type is among the headers. */
  readonly body?: Buffer | string
  /** For messages. */
  readonly place: string
  /** The option that names the backend's address, for messages; `url` by default. */
  readonly option?: string
  /** Bytes. */
  readonly maxBody: number
  /** Whether the body of an answer that is no 2xx is kept too, where it has 64 KiB at the most. It may quote anything. */
  readonly keepsErrors?: boolean
}

/** A small body of an error is read to its end, so that the connection can be used again; a larger one is not worth it. */
const discardable = 64 * 1024

/**
 * One request and its answer. The body is cut at `maxBody`, and refused at once where Content-Length announces more. Rejects with a
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

  const isWanted = (): boolean => head !== undefined && head.status >= 200 && head.status < 300
  const isKept = (): boolean => isWanted() || request.keepsErrors === true
  /** True where the answer may go on: below the limit that its status allows. */
  const allows = (bytes: number): boolean => bytes <= (isWanted() ? request.maxBody : discardable)
  const discard = (): void => {
    for (const chunk of chunks) chunk.fill(0)
    chunks.length = 0
  }
  const cut = (): void => {
    if (isWanted()) reject(oversized(request))
    else if (head !== undefined) resolve({ ...head, body: Buffer.alloc(0) })
    abortExchange()
  }

  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  else {
    pool.dispatch(
      {
        method: request.method ?? 'GET',
        path: request.path,
        headers: request.headers,
        ...(request.body !== undefined && { body: request.body }),
      },
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
          else if (isKept()) chunks.push(chunk)
        },
        onResponseEnd() {
          settle()
          const body = isKept() ? Buffer.concat(chunks, size) : Buffer.alloc(0)
          discard()
          if (head !== undefined) resolve({ ...head, body })
        },
        onResponseError(_controller, error) {
          settle()
          discard()
          // The status of a failure is known, whatever became of the body that came with it.
          if (head !== undefined && !isWanted()) resolve({ ...head, body: Buffer.alloc(0) })
          else reject(transportFailure(request.place, error, request.option))
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
