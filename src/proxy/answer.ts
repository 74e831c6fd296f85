import type { ServerResponse } from 'node:http'

/** Whoever is told how the answer fares. */
export interface AnswerEvents {
  /** The client takes no more for now. */
  full(): void
  /** It takes more. */
  drained(): void
  /** The head has something in it that no answer may have; nothing was sent. */
  unfit(error: Error): void
}

/** The head of an answer that has not been sent yet, and the first of its body. */
interface Head {
  readonly status: number
  readonly reason: string
  readonly headers: string[]
  first: Buffer | undefined
}

/** Bytes up to which a body goes out as one string with its head: cheaper than two buffers, and still the same bytes. */
const smallBody = 8_192

const nothing = Buffer.alloc(0)

/** Answers that have begun in this turn of the event loop: one call at its end serves all of them. */
const begun: Answer[] = []

function flushAll(): void {
  for (const answer of begun.splice(0)) answer.flush()
}

/** An answer that is given piece by piece, in as few writes as it can be. */
export class Answer {
  readonly #response: ServerResponse
  readonly #events: AnswerEvents
  #head: Head | undefined

  constructor(response: ServerResponse, events: AnswerEvents) {
    this.#response = response
    this.#events = events
  }

  /**
   * The head, names and values in turn. It is sent with what comes of the body in the same turn of the event loop, or at
   * its end: many applications send the two apart, and an event stream may say nothing for long.
   */
  begin(status: number, reason: string, headers: string[]): void {
    this.#head = { status, reason, headers, first: undefined }
    if (begun.push(this) === 1) setImmediate(flushAll)
  }

  /** @returns whether the client takes more */
  write(chunk: Buffer): boolean {
    const head = this.#head
    if (head === undefined) return this.#write(chunk)
    if (head.first === undefined) {
      head.first = chunk
      return true
    }
    this.flush()
    return this.#write(chunk)
  }

  /** @param trailers names and values in turn; they can follow only what is sent in chunks */
  end(trailers: readonly string[]): void {
    const head = this.#head
    if (head === undefined || trailers.length > 0) {
      this.flush()
      if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers))
      this.#response.end()
      return
    }
    this.#head = undefined
    if (!this.#sendHead(head)) return
    const { first } = head
    if (first === undefined) this.#response.end()
    else if (first.length > smallBody) this.#response.end(first)
    else this.#response.end(first.toString('latin1'), 'latin1')
  }

  /** Takes back what has not been sent. */
  takeBack(): void {
    this.#head = undefined
  }

  /** Sends the head, where that is still to be done, with what there is of the body. */
  flush(): void {
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    if (!this.#sendHead(head)) return
    // Not by flushHeaders, which writes the head as UTF-8 and so spoils what is beyond ASCII in it.
    if (head.first === undefined) this.#response.write(nothing)
    else if (!this.#write(head.first)) this.#events.full()
  }

  /** Node looks at each part of a head, and throws at what may not be there. */
  #sendHead({ status, reason, headers }: Head): boolean {
    try {
      this.#response.writeHead(status, reason, headers)
      return true
    } catch (error) {
      this.#events.unfit(error instanceof Error ? error : new Error('the head cannot be sent'))
      return false
    }
  }

  #write(chunk: Buffer): boolean {
    const takesMore = this.#response.write(chunk)
    if (!takesMore) this.#response.once('drain', () => this.#events.drained())
    return takesMore
  }
}

function pairsOf(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < list.length; at += 2) pairs.push([list[at] ?? '', list[at + 1] ?? ''])
  return pairs
}
