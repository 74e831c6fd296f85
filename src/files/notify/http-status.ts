import type { Client } from 'undici'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Path and query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

/** Bytes of an answer after which the rest is not waited for: only its status counts. */
const enough = 64 * 1024

/**
 * The status of the answer, as soon as there is one. Its body is taken, thrown away and not waited for beyond
 * `enough`, so that an application which writes a short one is not told that its client has gone. Rejects with undici's
 * error or the signal's reason. undici's `dispatch` and not its `request`: that would go on waiting for a connection
 * after the signal aborted.
 */
export function statusOf(client: Client, request: HttpRequest, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let status: number | undefined
  let size = 0
  let abortExchange = (): void => {}
  const done = (error?: unknown): void => {
    signal.removeEventListener('abort', onAbort)
    // The status is known, whatever becomes of the body.
    if (status !== undefined) resolve(status)
    else reject(error)
  }
  const onAbort = (): void => {
    done(signal.reason)
    abortExchange()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  const { method, path, headers, body } = request
  client.dispatch(
    { method, path, headers, reset: true, ...(body !== undefined && { body }) },
    {
      onRequestStart(controller) {
        abortExchange = () => controller.abort(new Error('the answer is no longer wanted'))
        if (signal.aborted) abortExchange()
      },
      onResponseStart(_controller, code) {
        if (code >= 200) status = code
      },
      onResponseData(controller, chunk) {
        size += chunk.length
        if (size > enough) controller.abort(new Error('the answer is no longer wanted'))
      },
      onResponseEnd: () => done(),
      onResponseError: (_controller, error) => done(error),
    },
  )
  return promise
}
