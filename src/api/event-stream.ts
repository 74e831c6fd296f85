import type { ServerResponse } from 'node:http'

/** A message, made once for all streams that want it. */
export interface Frame {
  readonly text: string
  /** In UTF-8. */
  readonly bytes: number
}

export const frameOf = (text: string): Frame => ({ text, bytes: Buffer.byteLength(text) })

/** How much may wait for a reader that takes nothing, beside what its connection has been given already; in bytes. */
const mostUnsent = 65_536
/** How much is handed over at a time, in characters. */
const chunkLength = 16_384
/** From so many sent frames on the queue is made anew without them. */
const mostSent = 1_024

/** One client's stream of events: what it has to be sent, as fast as it reads. */
export class EventStream {
  readonly #response: ServerResponse
  /** What comes first; made as it is read, since it may be long and the client may take its time for it. */
  #backlog: Iterator<string> | undefined
  /** Frames that all streams share; those before `#next` are sent. */
  #queue: Frame[] = []
  #next = 0
  /** The size of the others. */
  #unsent = 0
  #blocked = false
  #ended = false

  constructor(response: ServerResponse, backlog: Iterable<string>) {
    this.#response = response
    this.#backlog = backlog[Symbol.iterator]()
    response.on('drain', () => {
      this.#blocked = false
      this.send()
    })
  }

  push(frame: Frame): void {
    if (this.#ended) return
    this.#queue.push(frame)
    this.#unsent += frame.bytes
  }

  /** Whether everything was handed over, and taken. */
  get isIdle(): boolean {
    return !this.#blocked && this.#backlog === undefined && this.#unsent === 0
  }

  /** Whether its reader has taken nothing since it was last sent something, and more than a bit waits for it by now. */
  get isStuck(): boolean {
    return this.#blocked && this.#unsent > mostUnsent
  }

  /** Hands over as much as is taken. */
  send(): void {
    while (!this.#blocked) {
      const chunk = this.#chunk()
      if (chunk === '') break
      this.#blocked = !this.#response.write(chunk)
    }
    if (this.#unsent > 0 && this.#next < mostSent) return
    this.#queue = this.#queue.slice(this.#next)
    this.#next = 0
  }

  /**
   * Ends the stream in order, or at once where its reader would not come to the end of it soon. What was not handed over
   * yet is not sent any more.
   */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#backlog = undefined
    this.#queue = []
    this.#next = 0
    this.#unsent = 0
    if (this.#blocked) this.#response.req.socket.destroy()
    else this.#response.end()
  }

  #chunk(): string {
    let chunk = ''
    while (chunk.length < chunkLength) {
      const text = this.#take()
      if (text === undefined) break
      chunk += text
    }
    return chunk
  }

  #take(): string | undefined {
    const first = this.#backlog?.next()
    if (first !== undefined && first.done !== true) return first.value
    this.#backlog = undefined
    const frame = this.#queue[this.#next]
    if (frame === undefined) return undefined
    this.#next += 1
    this.#unsent -= frame.bytes
    return frame.text
  }
}
