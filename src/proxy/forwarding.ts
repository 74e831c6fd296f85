import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { CodedError } from '../errors.ts'
import type { Clock } from '../secrets/clock.ts'
import { answerHeaders, answerReason, answerTrailers } from './answer-headers.ts'
import type { Answering, Exchange } from './exchange.ts'
import { errorFor, type FailureReport, reasonOf } from './failure.ts'
import type { ProxyObserver } from './observer.ts'
import { RequestBody } from './request-body.ts'
import { hasBody, type Identity, requestHeaders } from './request-headers.ts'
import type { UpstreamConnection } from './upstream/connection.ts'
import type { Upstream } from './upstream/upstream.ts'

/** What forwarding needs beside the exchange. */
export interface ForwardingDeps {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly observer: ProxyObserver
  readonly failures: FailureReport
  /** Bytes of a request's body; 0: any number. */
  readonly maxBody: number
  /** Takes what the two sides speak after an upgrade. */
  readonly tunnel: (exchange: Exchange, application: Duplex, head: string) => void
}

/** Undici has one more option than its types. */
interface Options extends Dispatcher.DispatchOptions {
  readonly servername: string
}

/** Whose repetition changes nothing (RFC 9110, section 9.2.2; QUERY: RFC 10008). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'])

/** One exchange on its way to the application and back. */
export class Forwarding implements Dispatcher.DispatchHandler, Answering {
  readonly #exchange: Exchange
  readonly #deps: ForwardingDeps
  readonly #options: Options
  #connection: UpstreamConnection | undefined
  #controller: Dispatcher.DispatchController | undefined
  #askedAt = 0
  /** The connection had carried an answer before this request was written to it. */
  #wasReused = false
  #isRetry = false

  constructor(exchange: Exchange, target: string, identity: Identity, deps: ForwardingDeps) {
    this.#exchange = exchange
    this.#deps = deps
    const { request } = exchange
    this.#options = {
      path: target,
      method: request.method ?? 'GET',
      headers: requestHeaders(request, identity),
      body: hasBody(request) ? this.#body() : null,
      upgrade: exchange.isUpgrade ? 'websocket' : null,
      servername: deps.upstream.servername,
    }
    exchange.answeredBy(this)
  }

  start(): void {
    this.#dispatch(this.#deps.upstream.connections.take())
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  unfit(error: Error): void {
    this.#failed('protocol', error)
  }

  abandon(reason: Error): void {
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#wasReused = this.#connection?.isReused ?? false
    if (this.#exchange.isDecided)
      controller.abort(new Error('the request was decided without the application'))
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    this.#release()
    const protocol = headers.upgrade
    const raw = answerHeaders(rawOf(controller), status)
    if (this.#exchange.isDecided) socket.destroy()
    else if (raw === undefined || typeof protocol !== 'string' || protocol.toLowerCase() !== 'websocket') {
      socket.destroy()
      this.#failed('protocol', new Error('the application switched to a protocol that nobody asked for'))
    } else {
      this.#answered()
      this.#deps.tunnel(
        this.#exchange,
        socket,
        headOf(['Upgrade', protocol, 'Connection', 'Upgrade', ...raw, ...this.#exchange.extraHeaders]),
      )
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: IncomingHttpHeaders,
    reason?: string,
  ): void {
    const headers = answerHeaders(rawOf(controller), status)
    if (headers === undefined) throw new Error('the answer is in a transfer coding that is not understood')
    this.#wasReused = false
    if (status < 200) {
      this.#exchange.inform(status, headers)
      return
    }
    this.#answered()
    this.#exchange.begin(status, answerReason(reason), headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#exchange.write(chunk)) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const isBroken = this.#connection?.isBroken ?? false
    this.#connection?.answered()
    this.#release()
    // The end of the connection may end an answer; a reset does not.
    if (isBroken) {
      this.#failed('reset', new Error('the connection was reset in an answer that ends with it'))
      return
    }
    const { rawTrailers } = controller
    this.#exchange.end(
      Array.isArray(rawTrailers) && rawTrailers.length > 0 ? answerTrailers(rawTrailers) : [],
    )
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release()
    // Ended by the client or by us; undici only confirms it.
    if (this.#exchange.isDecided) return
    const reason = reasonOf(error, this.#controller !== undefined)
    if (reason === 'reset' && this.#mayRetry()) {
      this.#isRetry = true
      this.#controller = undefined
      this.#dispatch(this.#deps.upstream.connections.takeNew())
    } else this.#failed(reason, error)
  }

  /**
   * An application may end a connection that was idle just as a request comes on it. Whether it has read the request
   * cannot be known then, so only what may happen twice is sent twice, once, on a connection that was never idle.
   */
  #mayRetry(): boolean {
    const { method, body } = this.#options
    return this.#wasReused && !this.#isRetry && body === null && idempotent.has(method)
  }

  #dispatch(connection: UpstreamConnection): void {
    this.#connection = connection
    this.#askedAt = this.#deps.clock.now()
    connection.dispatch(this.#options, this)
  }

  #release(): void {
    if (this.#connection === undefined) return
    this.#deps.upstream.connections.giveBack(this.#connection)
    this.#connection = undefined
  }

  #answered(): void {
    const { clock, observer } = this.#deps
    observer.upstreamAnswered({ durationMs: clock.now() - this.#askedAt })
  }

  #failed(reason: Parameters<typeof errorFor>[0], error: Error): void {
    this.#deps.failures.add(reason, error)
    this.#exchange.fail(errorFor(reason))
  }

  #body(): RequestBody {
    const { maxBody } = this.#deps
    return new RequestBody(this.#exchange.request, {
      wanted: () => this.#exchange.continue(),
      came: (bytes) => {
        this.#exchange.received(bytes)
        if (maxBody > 0 && this.#exchange.bytesReceived > maxBody)
          this.#exchange.fail(new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [maxBody]))
      },
    })
  }
}

function rawOf({ rawHeaders }: Dispatcher.DispatchController): readonly (Buffer | string)[] {
  return Array.isArray(rawHeaders) ? rawHeaders : []
}

function headOf(headers: readonly string[]): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\n'
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`
  return `${head}\r\n`
}
