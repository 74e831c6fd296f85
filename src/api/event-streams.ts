import type { ServerResponse } from 'node:http'
import { CodedError } from '../errors.ts'
import type { Change } from '../secrets/change-feed.ts'
import type { Timer } from '../secrets/clock.ts'
import { changeFrame, greeting, heartbeat, position, resetFrame } from './event-frames.ts'
import type { Frame } from './event-stream.ts'
import { EventStream, frameOf } from './event-stream.ts'
import type { KeptConnections } from './kept-connections.ts'
import type { NameFilter } from './name-filter.ts'
import type { ApiDeps } from './ports.ts'
import type { ApiRequest } from './respond.ts'
import { whenClosed } from './socket-end.ts'

/** How often a stream shows that it lives, in milliseconds. */
export const heartbeatInterval = 15_000

interface StreamsDeps extends Pick<ApiDeps, 'changes' | 'clock' | 'metrics' | 'log' | 'config'> {
  /** The connections that are kept for long on the same listener. */
  readonly kept: KeptConnections
}

interface Open {
  readonly stream: EventStream
  readonly wants: NameFilter
  readonly request: ApiRequest
}

/** The event streams that are open on a listener. They share one subscription, one timer and each message's text. */
export class EventStreams {
  readonly #deps: StreamsDeps
  readonly #open = new Set<Open>()
  #unsubscribe: (() => void) | undefined
  #heartbeat: Timer | undefined
  #flushing = false
  #closed = false

  constructor(deps: StreamsDeps) {
    this.#deps = deps
  }

  /**
   * Whether another stream may be opened.
   *
   * @throws SIDEKEEP_TOO_MANY_EVENT_STREAMS, or SIDEKEEP_SHUTTING_DOWN
   */
  admit(): void {
    if (this.#closed) throw new CodedError('SIDEKEEP_SHUTTING_DOWN')
    const { config, kept } = this.#deps
    const bound = { count: this.#open.size, most: config.maxEventStreams, option: 'api.maxEventStreams' }
    kept.admit('SIDEKEEP_TOO_MANY_EVENT_STREAMS', bound)
  }

  /**
   * Sends events from now on, and first those after `lastEventId`. The head of the answer is written already.
   *
   * @param lastEventId the last event that the client has seen
   */
  open(
    request: ApiRequest,
    response: ServerResponse,
    wants: NameFilter,
    lastEventId: string | undefined,
  ): void {
    if (request.raw.socket.destroyed) return
    const stream = new EventStream(response, this.#backlog(wants, lastEventId))
    const open = { stream, wants, request }
    this.#open.add(open)
    this.#deps.kept.began()
    this.#deps.metrics.eventStreams(1)
    whenClosed(request.raw.socket, () => this.#closedBy(open))
    if (this.#open.size === 1) this.#begin()
    stream.send()
  }

  /** Ends all streams, and lets no other begin. */
  close(): void {
    this.#closed = true
    for (const { stream } of this.#open) stream.end()
  }

  #backlog(wants: NameFilter, lastEventId: string | undefined): Iterable<string> {
    const { changes } = this.#deps
    // Also who has seen nothing yet can come back to this moment.
    if (lastEventId === undefined) return [greeting(), position(changes.lastId)]
    const missed = changes.since(lastEventId)
    if ('gap' in missed) return [greeting(), resetFrame(changes.lastId, missed)]
    return framesOf(missed.changes, wants)
  }

  #begin(): void {
    this.#unsubscribe = this.#deps.changes.subscribe((change) => this.#changed(change))
    this.#arm()
  }

  #closedBy(open: Open): void {
    this.#open.delete(open)
    this.#deps.kept.ended()
    this.#deps.metrics.eventStreams(-1)
    if (this.#open.size > 0) return
    this.#unsubscribe?.()
    this.#heartbeat?.cancel()
  }

  #changed(change: Change): void {
    let frame: Frame | undefined
    for (const { stream, wants } of this.#open) {
      if (!wants(change.name)) continue
      frame ??= frameOf(changeFrame(change))
      stream.push(frame)
    }
    if (frame === undefined || this.#flushing) return
    // What happens together (a list brought many rotations) goes out together, and in the middle of nothing.
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      for (const open of this.#open) this.#flush(open)
    })
  }

  #flush(open: Open): void {
    if (this.#closed) return
    if (open.stream.isStuck) this.#drop(open)
    else open.stream.send()
  }

  #arm(): void {
    this.#heartbeat = this.#deps.clock.setTimer(() => {
      this.#arm()
      this.#beat()
    }, heartbeatInterval)
  }

  #beat(): void {
    const alive = frameOf(heartbeat(this.#deps.changes.lastId))
    for (const open of this.#open) {
      if (open.stream.isIdle) open.stream.push(alive)
      this.#flush(open)
    }
  }

  /** Nothing waits in memory for a reader that does not read; it may come back and resume. */
  #drop({ request }: Open): void {
    const { log, metrics } = this.#deps
    metrics.eventStreamDropped()
    log.debug({ path: '/v1/events' }, 'an event stream was ended: its reader is too slow')
    request.raw.socket.destroy()
  }
}

/** One after the other, as they are sent: a history may be long. */
function* framesOf(changes: readonly Change[], wants: NameFilter): Generator<string> {
  yield greeting()
  for (const change of changes) if (wants(change.name)) yield changeFrame(change)
}
