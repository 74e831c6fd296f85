import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { reset } from '../accepted-socket.ts'
import type { CodedError, ErrorCode } from '../errors.ts'
import { answerOf, type ProblemExtras } from '../problem.ts'
import type { Clock, Timer } from '../secrets/clock.ts'
import type { Connections } from './connections.ts'
import type { EarlyBytes } from './early-bytes.ts'
import type { ProxyObserver } from './observer.ts'

/** What all exchanges of a proxy share. */
export interface ExchangeDeps {
  readonly clock: Clock
  readonly observer: ProxyObserver
  readonly connections: Connections
}

/** Whoever is asked for the answer, as long as there is one to come. */
export interface Answering {
  /** The client takes no more of the body for now. */
  pause(): void
  /** The client takes more of it. */
  resume(): void
  /** Nobody wants an answer any more. */
  abandon(reason: Error): void
}

/** Whoever is told that an exchange is over. */
export interface Following {
  over(): void
}

/** The head of an answer that has not been sent yet, and the first of its body. */
interface Head {
  readonly status: number
  readonly reason: string
  readonly headers: string[]
  first: Buffer | undefined
}

/** Status of a request whose client left, as nginx counts it. It is never sent. */
const clientLeft = 499

/** Milliseconds for which the rest of a body that nobody wants is read and thrown away. */
const lingerTime = 2_000

/** Bytes up to which a body goes out as one string with its head: cheaper than two buffers, and still the same bytes. */
const smallBody = 8_192

const nothing = Buffer.alloc(0)

function ignore(): void {}

function sendHead(exchange: Exchange): void {
  exchange.sendHead()
}

/** One request and its answer, as the client sees them. Whoever answers says what. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly startedAt: number
  readonly #deps: ExchangeDeps
  /** Whether the client waits for 100 (Continue) before it sends the body. */
  #awaitsContinue: boolean
  /** Of a client that wants to speak another protocol; its connection is for nothing else then. */
  readonly #early: EarlyBytes | undefined
  /** For our answer or the application's: names and values in turn. */
  #extraHeaders: readonly string[] = []
  #answering: Answering | undefined
  #following: Following | undefined
  #head: Head | undefined
  #deadline: Timer | undefined
  #isDecided = false
  #isOver = false
  #endsConnection: boolean
  /** What the client was answered, once it is over. */
  status = 0
  /** Of an answer of our own. */
  errorCode: ErrorCode | undefined
  bytesReceived = 0
  bytesSent = 0

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    deps: ExchangeDeps,
    { awaitsContinue, early }: { awaitsContinue: boolean; early: EarlyBytes | undefined },
  ) {
    this.request = request
    this.response = response
    this.#early = early
    this.#deps = deps
    this.startedAt = deps.clock.now()
    this.#awaitsContinue = awaitsContinue
    // Node's parser has let go of the connection: it can carry no other request.
    this.#endsConnection = early !== undefined
    response.on('finish', () => this.#finished())
    // A write that meets a connection which has just closed; `clientGone` brings the same news.
    response.on('error', ignore)
    deps.connections.add(this)
  }

  get isUpgrade(): boolean {
    return this.#early !== undefined
  }

  /** True when the answer is given, or nobody is left to take it. The body of the request may still be coming. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whoever is asked has no say any more: we answer, or nobody is left to be answered. */
  get isDecided(): boolean {
    return this.#isDecided
  }

  /** Whether an answer has begun that cannot be taken back. */
  get hasAnswered(): boolean {
    return this.response.headersSent
  }

  /** No further request of this connection is answered. */
  endConnection(): void {
    if (this.#isOver) this.request.socket.destroySoon()
    else this.#endsConnection = true
  }

  /** Headers that the answer gets, whoever gives it: names and values in turn. */
  addHeaders(headers: readonly string[]): void {
    if (headers.length > 0) this.#extraHeaders = [...this.#extraHeaders, ...headers]
  }

  get extraHeaders(): readonly string[] {
    return this.#extraHeaders
  }

  /** Calls `passed` when the exchange takes longer than this, in milliseconds from its beginning. */
  limitTime(ms: number, passed: () => void): void {
    this.#deadline = this.#deps.clock.setTimer(passed, this.startedAt + ms - this.#deps.clock.now())
  }

  /** From now on it is for somebody else to answer. */
  answeredBy(answering: Answering): void {
    this.#answering = answering
  }

  /** Is told when it is over. */
  followedBy(following: Following): void {
    this.#following = following
  }

  /** Answers with an error of ours, where no answer has begun; else the connection is cut. */
  fail(error: CodedError, extras: ProblemExtras = {}): void {
    if (this.#isOver || this.#isDecided) return
    this.#isDecided = true
    this.errorCode = error.code
    this.#head = undefined
    this.#answering?.abandon(error)
    if (this.hasAnswered) {
      this.#cut()
      return
    }
    const headers = ['Sidekeep-Error', error.code, ...this.#extraHeaders]
    // Nobody can tell whether a client that waits for 100 still sends its body: what comes next could be either that
    // or a request (RFC 9110, section 10.1.1). And a request that is no HTTP has no end that could be known.
    if (this.#awaitsContinue || error.status === 400 || this.#isLast()) headers.push('Connection', 'close')
    const answer = answerOf(error, headers, extras)
    this.response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  /** The connection is closed: there is nobody to answer. */
  clientGone(): void {
    if (this.#isOver) return
    this.#isDecided = true
    this.#over(clientLeft)
    this.#answering?.abandon(new Error('the client left'))
  }

  /** Somebody is there to take the body. */
  continue(): void {
    if (!this.#awaitsContinue || this.#isDecided) return
    this.#awaitsContinue = false
    this.response.writeContinue()
  }

  /** A piece of the request's body has come. */
  received(bytes: number): void {
    this.bytesReceived += bytes
    this.#deps.observer.received(bytes)
  }

  /** A 1xx answer that comes before the final one; HTTP/1.0 knows none. */
  inform(status: number, headers: string[]): void {
    if (this.request.httpVersion === '1.0' || this.hasAnswered) return
    // Node has the method since 26.2; to be silent is all that an older one leaves.
    if (typeof this.response.writeInformation === 'function') this.response.writeInformation(status, headers)
  }

  /**
   * The head of the answer, names and values in turn. It is sent with what comes of the body in the same turn, or at its
   * end: an event stream may say nothing for long.
   */
  begin(status: number, reason: string, headers: string[]): void {
    headers.push(...this.#extraHeaders)
    if (this.#isLast()) headers.push('Connection', 'close')
    this.#head = { status, reason, headers, first: undefined }
    process.nextTick(sendHead, this)
  }

  /** @returns whether the client takes more */
  write(chunk: Buffer): boolean {
    this.bytesSent += chunk.length
    this.#deps.observer.sent(chunk.length)
    const head = this.#head
    if (head === undefined) return this.#write(chunk)
    if (head.first === undefined) {
      head.first = chunk
      return true
    }
    this.sendHead()
    return this.#write(chunk)
  }

  /** @param trailers names and values in turn; they can follow only what is sent in chunks */
  end(trailers: string[]): void {
    const head = this.#head
    if (head === undefined || trailers.length > 0) {
      this.sendHead()
      if (trailers.length > 0) this.response.addTrailers(pairsOf(trailers))
      this.response.end()
      return
    }
    this.#head = undefined
    this.response.writeHead(head.status, head.reason, head.headers)
    const { first } = head
    if (first === undefined) this.response.end()
    else if (first.length > smallBody) this.response.end(first)
    else this.response.end(first.toString('latin1'), 'latin1')
  }

  /** The client's connection is somebody else's from now on. */
  handOver(status: number): Socket {
    const { socket } = this.request
    this.#isDecided = true
    this.response.detachSocket(socket)
    this.#early?.giveBack()
    this.#over(status)
    return socket
  }

  /** Sends the head, where that is still to be done, with what there is of the body. */
  sendHead(): void {
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    this.response.writeHead(head.status, head.reason, head.headers)
    // Not by flushHeaders, which writes the head as UTF-8 and so spoils what is beyond ASCII in it.
    if (head.first === undefined) this.response.write(nothing)
    else if (!this.#write(head.first)) this.#answering?.pause()
  }

  #write(chunk: Buffer): boolean {
    const takesMore = this.response.write(chunk)
    if (!takesMore) this.response.once('drain', () => this.#answering?.resume())
    return takesMore
  }

  /**
   * An answer that broke off must not look whole. Where its end is the end of the connection, as with HTTP/1.0, only a
   * reset tells the difference.
   */
  #cut(): void {
    const { socket } = this.request
    this.#over(this.response.statusCode)
    reset(socket)
  }

  /** The answer is with the operating system. */
  #finished(): void {
    if (this.#isOver) return
    this.#over(this.response.statusCode)
    if (this.#early !== undefined) this.#hangUp(this.#early)
    else if (this.#endsConnection) this.request.socket.destroySoon()
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

  /** The same where the client may already speak the protocol that it did not get. */
  #hangUp(early: EarlyBytes): void {
    const { socket } = this.request
    early.discard()
    const timer = this.#deps.clock.setTimer(() => socket.destroy(), lingerTime)
    socket.once('close', () => timer.cancel()).end()
  }

  #over(status: number): void {
    this.#isOver = true
    this.status = status
    this.#deadline?.cancel()
    this.#deps.connections.ended(this)
    this.#following?.over()
  }
}

function pairsOf(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < list.length; at += 2) pairs.push([list[at] ?? '', list[at + 1] ?? ''])
  return pairs
}
