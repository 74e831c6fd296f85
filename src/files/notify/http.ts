import { Client } from 'undici'
import type { NotificationConfig } from '../../config/schema/notify.ts'
import { CodedError } from '../../errors.ts'
import type { Clock } from '../../secrets/clock.ts'
import type { FileChange } from '../content.ts'
import { NotifyError } from './error.ts'
import { badStatus, noAnswer } from './http-failure.ts'
import { type HttpRequest, statusOf } from './http-status.ts'
import type { Teller } from './teller.ts'

type HttpConfig = NonNullable<NotificationConfig['http']>

/**
 * Sends a request, on a connection of its own: tellings are rare, and a kept connection would be found broken by the
 * next one. No redirect is followed, as that would take headers and names to where nobody has configured.
 *
 * @param timeout milliseconds, for everything together
 */
export function httpTeller(config: HttpConfig, timeout: number, clock: Clock): Teller['tell'] {
  const url = new URL(config.url)
  const place = `${config.method} ${url.origin}`
  return async (change, given) => {
    const deadline = new AbortController()
    const timer = clock.setTimer(() => deadline.abort(), timeout)
    const signal = AbortSignal.any([given, deadline.signal])
    try {
      const status = await ask(url, await requestOf(config, url, change), timeout, signal)
      if (status < 200 || status > 299) throw badStatus(place, status)
    } catch (error) {
      if (error instanceof NotifyError) throw error
      if (deadline.signal.aborted) {
        const words = `${place}: no answer within ${timeout} ms`
        throw new NotifyError('timeout', words, 'Check the application, or raise timeout.')
      }
      throw noAnswer(place, error)
    } finally {
      timer.cancel()
    }
  }
}

async function ask(url: URL, request: HttpRequest, timeout: number, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted()
  const client = new Client(url.origin, {
    pipelining: 1,
    allowH2: false,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    connect: { timeout },
  })
  try {
    return await statusOf(client, request, signal)
  } finally {
    await client.destroy()
  }
}

async function requestOf(config: HttpConfig, url: URL, change: FileChange): Promise<HttpRequest> {
  const { method } = config
  const headers: Record<string, string> = { 'user-agent': 'sidekeep', accept: '*/*' }
  const body = method === 'GET' ? undefined : JSON.stringify({ path: change.path, changed: change.changed })
  if (body !== undefined) headers['content-type'] = 'application/json'
  for (const [name, source] of Object.entries(config.headers ?? {})) {
    try {
      headers[name.toLowerCase()] = await source.read()
    } catch (error) {
      // The message of a coded error is made to be shown; what else may be thrown is not known to be.
      const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
      const remedy = 'The header is read again for each request.'
      throw new NotifyError('credential', `http.headers.${name}: ${words.replace(/\.$/, '')}`, remedy)
    }
  }
  return { method, path: `${url.pathname}${url.search}`, headers, body }
}
