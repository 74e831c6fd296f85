import { randomUUID } from 'node:crypto'
import type { ProxyConfig } from '../config/schema.ts'
import { CodedError } from '../errors.ts'
import type { Clock } from '../secrets/clock.ts'
import type { AccessLog } from './access-log.ts'
import { inadmissible, isTooLarge, pathOf } from './admission.ts'
import { type Client, type ClientAddresses, plainAddress } from './client-address.ts'
import type { Concurrency, Waiting } from './concurrency.ts'
import type { Exchange, Following } from './exchange.ts'
import type { FailureReport } from './failure.ts'
import { Forwarding, type ForwardingDeps } from './forwarding.ts'
import type { Limiter, Ruling } from './limits/limiter.ts'
import type { ProxyObserver } from './observer.ts'
import { type Identity, saneRequestId } from './request-headers.ts'

/** What a configuration decides of the way of a request. */
export interface Way {
  readonly config: ProxyConfig
  readonly addresses: ClientAddresses
  readonly limiter: Limiter
  readonly isExempt: (path: string) => boolean
  readonly forwarding: ForwardingDeps
}

/** What stays the same whatever the configuration is. */
export interface PassageDeps {
  readonly clock: Clock
  readonly observer: Pick<ProxyObserver, 'answered'>
  readonly failures: FailureReport
  readonly concurrency: Concurrency
  readonly accessLog: AccessLog
}

/** RFC 9457 leaves problem types to registries; this one is of the IETF's draft on RateLimit headers. */
const quotaExceeded = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

/** Milliseconds after which a client may ask again that found the application busy. */
const busyRetryAfter = 1_000

/** One request on its way in: what it has to pass, in order, before the application gets it. */
export class Passage implements Waiting, Following {
  readonly target: string
  readonly requestId: string
  readonly client: Client
  readonly #exchange: Exchange
  readonly #way: Way
  readonly #deps: PassageDeps
  /** Whether it counts among those that the application has. */
  #hasPlace = false

  constructor(exchange: Exchange, way: Way, deps: PassageDeps) {
    const { request } = exchange
    this.#exchange = exchange
    this.#way = way
    this.#deps = deps
    this.target = request.url ?? ''
    this.requestId = saneRequestId(request) ?? randomUUID()
    this.client = way.addresses.find(request.socket.remoteAddress, request.headers['x-forwarded-for'])
  }

  enter(): void {
    this.#exchange.followedBy(this)
    const { request } = this.#exchange
    const { config } = this.#way
    const wrong = inadmissible(request, this.target)
    if (wrong !== undefined) this.#refuse(wrong)
    else if (isTooLarge(request, config.maxBody))
      this.#refuse(new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [config.maxBody]))
    else this.#limit(pathOf(this.target))
  }

  /** The exchange is over, in whichever way, or has become something else. */
  over(): void {
    const { clock, observer, concurrency, accessLog } = this.#deps
    const { request, status, startedAt } = this.#exchange
    const durationMs = clock.now() - startedAt
    observer.answered({ method: request.method ?? '', status, durationMs })
    if (this.#hasPlace) concurrency.giveBack()
    else concurrency.leave(this)
    this.#hasPlace = false
    accessLog.write(this.#exchange, this, durationMs)
  }

  granted(): void {
    this.#hasPlace = true
    this.#forward()
  }

  tooLate(): void {
    this.#refuse(new CodedError('SIDEKEEP_PROXY_BUSY', [], { retryAfterMs: busyRetryAfter }))
  }

  #limit(path: string): void {
    const { config, limiter, isExempt } = this.#way
    const { request: most } = config.timeouts
    if (most > 0) this.#exchange.limitTime(most, () => this.#tooSlow())
    if (isExempt(path)) {
      this.#forward()
      return
    }
    const { method = '', headers, rawHeaders } = this.#exchange.request
    const asked = { method, path, client: this.client.key, headers, rawHeaders }
    const ruling = limiter.rule(asked, this.#deps.clock.now())
    if (ruling instanceof Promise) void ruling.then((later) => this.#ruled(later))
    else this.#ruled(ruling)
  }

  #ruled({ headers, refusal }: Ruling): void {
    // The client may have left, or the time have passed, while a store was asked.
    if (this.#exchange.isDecided) return
    this.#exchange.addHeaders(headers)
    if (refusal === undefined) {
      this.#wantPlace()
      return
    }
    this.#exchange.addHeaders(['X-Request-Id', this.requestId])
    const { error, limits } = refusal
    const isQuota = error.code === 'SIDEKEEP_RATE_LIMITED'
    this.#exchange.fail(
      error,
      isQuota ? { type: quotaExceeded, members: { 'violated-policies': limits } } : {},
    )
  }

  #wantPlace(): void {
    if (this.#deps.concurrency.take()) this.granted()
    else if (!this.#deps.concurrency.wait(this)) this.tooLate()
  }

  #forward(): void {
    const { socket } = this.#exchange.request
    const identity: Identity = {
      client: this.client,
      peer: this.client.isForwarded ? plainAddress(socket.remoteAddress ?? '') : this.client.address,
      protocol: 'encrypted' in socket ? 'https' : 'http',
      requestId: this.requestId,
    }
    new Forwarding(this.#exchange, this.target, identity, this.#way.forwarding).start()
  }

  #tooSlow(): void {
    if (this.#exchange.isDecided) return
    const { request, bytesReceived } = this.#exchange
    // The client is what was waited for, unless nobody takes what it sends.
    if (bytesReceived > 0 && !request.complete && !request.isPaused()) {
      this.#refuse(new CodedError('SIDEKEEP_REQUEST_INCOMPLETE', [this.#way.config.timeouts.request]))
      return
    }
    this.#deps.failures.add('request_timeout', new Error('the request took longer than timeouts.request'))
    this.#refuse(new CodedError('SIDEKEEP_UPSTREAM_TIMEOUT'))
  }

  #refuse(error: CodedError): void {
    this.#exchange.addHeaders(['X-Request-Id', this.requestId])
    this.#exchange.fail(error)
  }
}
