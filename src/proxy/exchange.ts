import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import type { CodedError } from '../errors.ts'
import { answerOf, type ProblemExtras } from '../problem.ts'
import type { Clock } from '../secrets/clock.ts'
import type { Connections } from './connections.ts'
import { errorFor, type FailureReport, reasonOf } from './failure.ts'
import { hasBody, type Identity, requestHeaders, responseHeaders } from './headers.ts'
import type { ProxyObserver } from './observer.ts'
import { RequestBody } from './request-body.ts'
import type { Upstream } from './upstream.ts'

/** What all exchanges of a proxy share. */
export interface ExchangeDeps {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly observer: ProxyObserver
  readonly failures: FailureReport
  readonly connections: Connections
}

/** Status of a request whose client left, as nginx counts it. It is never sent. */
const clientLeft = 499

/** Milliseconds for which the rest of a body that nobody wants is read and thrown away. */
const lingerTime = 2_000

const nothing = Buffer.alloc(0)

/** One request and its answer, which streams through or is one of our own. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly request: IncomingMessage
  readonly #response: ServerResponse
  readonly #deps: ExchangeDeps
  readonly #startedAt: number
  /** Whether the client waits for 100 (Continue) before it sends the body. */
  #awaitsContinue: boolean
  /** For our answer or the application's: names and values in turn. */
  #extraHeaders: readonly string[] = []
  #controller: Dispatcher.DispatchController | undefined
  /** The application has no say any more: we answer, or nobody is left to be answered. */
  #isDecided = false
  #isOver = false
  #endsConnection = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    deps: ExchangeDeps,
    options: { awaitsContinue: boolean },
  ) {
    this.request = request
    this.#response = response
    this.#deps = deps
    this.#startedAt = deps.clock.now()
    this.#awaitsContinue = options.awaitsContinue
    response.on('drain', () => this.#controller?.resume())
    response.on('finish', () => this.#finished())
    // A write that meets a connection which has just closed; `clientGone` brings the same news.
    response.on('error', () => {})
    deps.connections.add(this)
  }

  /** True when the answer is given, or nobody is left to take it. The body of the request may still be coming. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** No further request of this connection is answered. */
  endConnection(): void {
    if (this.#isOver) this.request.socket.destroySoon()
    else this.#endsConnection = true
  }

  /** Headers that the answer gets, whoever gives it: names and values in turn. */
  addHeaders(headers: readonly string[]): void {
    this.#extraHeaders = [...this.#extraHeaders, ...headers]
  }

  forward(target: string, identity: Identity): void {
    const { pool, servername } = this.#deps.upstream
    const options = {
      path: target,
      method: this.request.method ?? 'GET',
      headers: requestHeaders(this.request, identity),
      body: hasBody(this.request) ? new RequestBody(this.request, () => this.#continue()) : null,
      servername,
    }
    pool.dispatch(options, this)
  }

  /** Answers with an error of ours, where no answer has begun; else the connection is cut. */
  fail(error: CodedError, extras: ProblemExtras = {}): void {
    if (this.#isOver) return
    this.#isDecided = true
    this.#controller?.abort(error)
    if (this.#response.headersSent) {
      this.#cut()
      return
    }
    const headers = ['Sidekeep-Error', error.code, ...this.#extraHeaders]
    // Nobody can tell whether a client that waits for 100 still sends its body: what comes next could be either that
    // or a request (RFC 9110, section 10.1.1). And a request that is no HTTP has no end that could be known.
    if (this.#awaitsContinue || error.status === 400 || this.#isLast()) headers.push('Connection', 'close')
    const answer = answerOf(error, headers, extras)
    this.#response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  /** The connection is closed: there is nobody to answer. */
  clientGone(): void {
    if (this.#isOver) return
    this.#isDecided = true
    this.#over(clientLeft)
    this.#controller?.abort(new Error('the client left'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isDecided) controller.abort(new Error('the request was decided without the application'))
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: IncomingHttpHeaders,
    reason?: string,
  ): void {
    const raw = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    const headers = responseHeaders(raw, status)
    if (headers === undefined) throw new Error('the answer is in a transfer coding that is not understood')
    if (status < 200) {
      this.#inform(status, headers)
      return
    }
    headers.push(...this.#extraHeaders)
    if (this.#isLast()) headers.push('Connection', 'close')
    this.#response.writeHead(status, reason ?? '', headers)
    // The head goes out at once, since an event stream may say nothing for long; yet in one piece with what has already
    // come of the body. Not by flushHeaders, which writes the head as UTF-8 and so spoils what is beyond ASCII in it.
    const socket = this.#response.socket
    socket?.cork()
    this.#response.write(nothing)
    process.nextTick(() => socket?.uncork())
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#response.write(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    // Trailers are not passed on (RFC 9110, section 6.5.1, allows that): they could carry what a head must not.
    this.#response.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // Ended by the client or by us; undici only confirms it.
    if (this.#isDecided) return
    const reason = reasonOf(error, this.#controller !== undefined)
    this.#deps.failures.add(reason, error)
    this.fail(errorFor(reason))
  }

  /** The application is there to take the body. */
  #continue(): void {
    if (!this.#awaitsContinue || this.#isDecided) return
    this.#awaitsContinue = false
    this.#response.writeContinue()
  }

  /** A 1xx answer that comes before the final one; HTTP/1.0 knows none. */
  #inform(status: number, headers: string[]): void {
    if (this.request.httpVersion === '1.0' || this.#response.headersSent) return
    // Node has the method since 26.2; to be silent is all that an older one leaves.
    if (typeof this.#response.writeInformation === 'function')
      this.#response.writeInformation(status, headers)
  }

  /**
   * An answer that broke off must not look whole. Where its end is the end of the connection, as with HTTP/1.0, only a
   * reset tells the difference.
   */
  #cut(): void {
    const { socket } = this.request
    this.#over(this.#response.statusCode)
    if (socket instanceof Socket && socket.remoteAddress !== undefined) socket.resetAndDestroy()
    else socket.destroy()
  }

  /** The answer is with the operating system. */
  #finished(): void {
    if (this.#isOver) return
    this.#over(this.#response.statusCode)
    if (this.#endsConnection) this.request.socket.destroySoon()
    else if (!this.request.complete) this.#linger()
  }

  #isLast(): boolean {
    return this.#endsConnection || this.#deps.connections.isDraining
  }

  /**
   * The client still sends a body that nobody wants. To close now would reset the connection, and the client might lose
   * the answer that is on its way to it; to read on for ever would be to work for nothing.
   */
  #linger(): void {
    const { request } = this
    request.resume()
    const timer = this.#deps.clock.setTimer(() => request.socket.destroy(), lingerTime)
    request.once('end', () => timer.cancel())
  }

  #over(status: number): void {
    this.#isOver = true
    const { clock, connections, observer } = this.#deps
    connections.ended(this)
    observer.answered({
      method: this.request.method ?? '',
      status,
      durationMs: clock.now() - this.#startedAt,
    })
  }
}
