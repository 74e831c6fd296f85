import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIncomplete } from './bodies.ts'
import type { Connection } from './crowd.ts'
import { Crowd } from './crowd.ts'
import { boundReading, type ReadingTime } from './reading-time.ts'

/** How much may wait in memory for all readers of a listener together, in bytes, before those are cut who are slow. */
const mostUnread = 64 * 1_048_576
/** Who is not done after this long is slow, in milliseconds; on one machine an answer takes a fraction of it. */
const slowReading = 1_000

/**
 * The connections of a listener by what they wait for. Of three crowds it is the caller's turn to do something, and
 * they are not worked for: they have to give way where there are too many. Those that are worked for never do.
 */
export class Crowds {
  /** No request has arrived in full. */
  readonly #unheard = new Crowd()
  /** All that was asked is answered, and taken. */
  readonly #idle = new Crowd()
  /** An answer is written, and the caller has not taken all of it. */
  readonly #unread = new Crowd()
  /** A request is being handled, one that waits or is a stream of events too. */
  readonly #working = new Crowd()
  readonly #all = [this.#unheard, this.#idle, this.#unread, this.#working]
  readonly #reading: ReadingTime
  #unreadBytes = 0
  readonly #cut: (connection: Connection) => void

  /** @param cut ends a connection at once and has it leave */
  constructor(reading: ReadingTime, cut: (connection: Connection) => void) {
    this.#reading = reading
    this.#cut = cut
  }

  get size(): number {
    return this.#all.reduce((sum, { size }) => sum + size, 0)
  }

  /** How many connections are worked for. */
  get working(): number {
    return this.#working.size
  }

  isWorkedFor({ crowd }: Connection): boolean {
    return crowd === this.#working
  }

  enter(connection: Connection): void {
    this.#unheard.take(connection)
  }

  leave(connection: Connection): void {
    this.#takeNoMore(connection)
    connection.crowd?.release(connection)
  }

  /** A request was handed to its handler, which may have answered it already: nearly always it has. */
  handled(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    // It was made to give way in the middle of what it sent.
    if (connection.crowd === undefined) return
    connection.answer = response
    // Its last answer is only just taken, and whoever has to be told of that before us has handed over the next request.
    if (connection.unread !== undefined) this.#takeNoMore(connection)
    if (response.writableFinished || isTaken(response)) this.#idle.take(connection)
    else if (response.writableEnded) this.#awaitReader(connection, response)
    else this.#awaitAnswer(connection, request, response)
  }

  /**
   * Who has to give way: of the largest crowd the one that has been in it for longest. So each crowd has a third of the
   * room for itself, however large another one gets, and who comes finds time to ask.
   */
  yields(): Connection | undefined {
    for (;;) {
      let largest = this.#unheard
      if (this.#idle.size > largest.size) largest = this.#idle
      if (this.#unread.size > largest.size) largest = this.#unread
      const { first } = largest
      if (largest !== this.#unheard || first?.answer === undefined || isIncomplete(first.answer.req))
        return first
      // A body for which its route has no use has arrived, and nobody was told.
      this.#working.take(first)
    }
  }

  #awaitAnswer(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    const isLast = (): boolean => connection.answer === response && connection.crowd !== undefined
    if (isIncomplete(request)) {
      this.#unheard.take(connection)
      request.once('end', () => {
        if (isLast() && !response.writableEnded) this.#working.take(connection)
      })
    } else {
      this.#working.take(connection)
    }
    response.once('prefinish', () => {
      if (!isLast()) return
      if (response.writableFinished) this.#idle.take(connection)
      else this.#awaitReader(connection, response)
    })
  }

  #awaitReader(connection: Connection, response: ServerResponse): void {
    this.#unread.take(connection)
    const unread = { bytes: response.writableLength, since: this.#reading.clock.now() }
    connection.unread = unread
    this.#unreadBytes += unread.bytes
    boundReading(response, this.#reading, () => this.#cut(connection))
    response.once('finish', () => {
      if (connection.unread !== unread) return
      this.#takeNoMore(connection)
      if (connection.answer === response && connection.crowd !== undefined) this.#idle.take(connection)
    })
    this.#cutSlow(unread.since)
  }

  /** Answers are not shared by all callers: a list is made for each, and may be large. */
  #cutSlow(now: number): void {
    while (this.#unreadBytes > mostUnread) {
      const { first } = this.#unread
      if (first?.unread === undefined || now - first.unread.since < slowReading) return
      this.#cut(first)
    }
  }

  #takeNoMore(connection: Connection): void {
    this.#unreadBytes -= connection.unread?.bytes ?? 0
    connection.unread = undefined
  }
}

/** The system has taken all of the answer, and of those before it; that it is finished is told only a turn later. */
function isTaken({ writableEnded, writableLength }: ServerResponse): boolean {
  return writableEnded && writableLength === 0
}
