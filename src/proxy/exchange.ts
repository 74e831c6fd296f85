import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { reset } from '../accepted-socket.ts'
import type { CodedError, ErrorCode } from '../errors.ts'
import { answerOf, type ProblemExtras } from '../problem.ts'
import type { Clock, Timer } from '../secrets/clock.ts'
import { Answer, type AnswerEvents } from './answer.ts'
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
  /** What it gave as the head cannot be sent. */
  unfit(error: Error): void
  /** Nobody wants an answer any more. */
  abandon(reason: Error): void
}

/** Whoever is told that an exchange is over. */
export interface Following {
  over(): void
}

/** Status of a request whose client left, as nginx counts it. It is never sent. */
const clientLeft = 499

/** Milliseconds for which the rest of a body that nobody wants is read and thrown away. */
const lingerTime = 2_000

function ignore(): void {}

/** One request and its answer, as the client sees them. Whoever answers says what. */
export class Exchange implements AnswerEvents {
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
  readonly #answer: Answer
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
    this.#answer = new Answer(response, this)
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
    this.#answer.takeBack()
    this.#answering?.abandon(error)
    if (this.hasAnswered) {
      this.#cut()
      return
    }
    const headers = ['Sidekeep-Error', error.code, ...this.#extraHeaders]
    // Nobody can tell whether a client that waits for 100 still sends its body: what comes next could be either that
    // or a request (RFC 9110, section 10.1.1). And a request that is no HTTP has no end that could be known.
    if (this.#awaitsContinue || error.status === 400 || this.#isLast()) headers.push('Connection', 'close')
    this.#closeLater()
    const { status, headers: all, body } = answerOf(error, headers, extras)
    // With its reason, as there may be one already that could not be sent.
    this.response.writeHead(status, STATUS_CODES[status] ?? '', all).end(body)
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

  /** The head of the answer, names and values in turn. */
  begin(status: number, reason: string, headers: string[]): void {
    headers.push(...this.#extraHeaders)
    if (this.#isLast()) headers.push('Connection', 'close')
    this.#closeLater()
    this.#answer.begin(status, reason, headers)
  }

  /** @returns whether the client takes more */
  write(chunk: Buffer): boolean {
    this.bytesSent += chunk.length
    this.#deps.observer.sent(chunk.length)
    return this.#answer.write(chunk)
  }

  /** @param trailers names and values in turn; they can follow only what is sent in chunks */
  end(trailers: readonly string[]): void {
    this.#answer.end(trailers)
  }

  full(): void {
    this.#answering?.pause()
  }

  drained(): void {
    this.#answering?.resume()
  }

  unfit(error: Error): void {
    this.#answering?.unfit(error)
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
    else {
      if (!this.request.complete) this.#linger()
      if (this.#endsConnection) this.request.socket.destroySoon()
    }
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

  /** Node closes the connection behind the last answer on it at once, whether the client still sends or not. */
  #closeLater(): void {
    const { request, response } = this
    if (request.complete) return
    // Before Node's own listener.
    response.prependListener('finish', () => {
      if (request.complete) return
      const { socket } = request
      const { destroySoon } = socket
      socket.destroySoon = () => socket.end()
      request.once('end', () => {
        socket.destroySoon = destroySoon
        if (socket.writableEnded) socket.destroySoon()
      })
    })
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
