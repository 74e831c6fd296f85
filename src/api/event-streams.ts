import type { ServerResponse } from 'node:http'
import type { Caller } from '../access/caller.ts'
import { CodedError } from '../errors.ts'
import type { Change } from '../secrets/change-feed.ts'
import type { Timer } from '../secrets/clock.ts'
import type { Glob } from '../secrets/glob.ts'
import { changeFrame, greeting, heartbeat, position, resetFrame } from './event-frames.ts'
import { unsealed } from './event-ids.ts'
import { EventStream } from './event-stream.ts'
import type { KeptConnections } from './kept-connections.ts'
import type { ApiDeps } from './ports.ts'
import type { ApiRequest } from './respond.ts'
import { idFor, SharedFrame } from './shared-frame.ts'
import { whenClosed } from './socket-end.ts'

/** How often a stream shows that it lives, in milliseconds. */
export const heartbeatInterval = 15_000

interface StreamsDeps extends Pick<ApiDeps, 'changes' | 'clock' | 'metrics' | 'log'> {
  /** The connections that are kept for long on the same listener. */
  readonly kept: KeptConnections
}

/** Who listens, and to what. */
export interface Listening {
  readonly caller: Caller
  /** Which names the client wants to hear of; of those it is told of which its caller may know. */
  readonly wants: Glob
  /** The last event that the client has seen: it gets first what came after it. */
  readonly lastEventId: string | undefined
}

interface Open {
  readonly stream: EventStream
  readonly caller: Caller
  readonly wants: Glob
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
  admit(caller: Caller): void {
    if (this.#closed) throw new CodedError('SIDEKEEP_SHUTTING_DOWN')
    this.#deps.kept.admit('stream', caller)
  }

  /** Sends events from now on, and first those that were missed. The head of the answer is written already. */
  open(request: ApiRequest, response: ServerResponse, listening: Listening): void {
    if (request.raw.socket.destroyed) return
    const { caller } = listening
    const wants = (name: string): boolean => caller.mayKnow(name) && listening.wants(name)
    const stream = new EventStream(response, this.#backlog({ ...listening, wants }))
    const open = { stream, caller, wants, request }
    // A client that gives way to another caller comes back, and is told then that there is no place.
    const release = this.#deps.kept.keep('stream', caller, () => stream.end())
    this.#open.add(open)
    this.#deps.metrics.eventStreams(1)
    // Its client comes back, and is told at the door what it may do now.
    const forget = caller.whenOver(() => stream.end())
    whenClosed(request.raw.socket, () => {
      forget()
      release()
      this.#closedBy(open)
    })
    if (this.#open.size === 1) this.#begin()
    stream.send()
  }

  /** Ends all streams, and lets no other begin. */
  close(): void {
    this.#closed = true
    for (const { stream } of this.#open) stream.end()
  }

  #backlog({ caller, wants, lastEventId }: Listening): Iterable<string> {
    const { changes } = this.#deps
    // Also who has seen nothing yet can come back to this moment.
    if (lastEventId === undefined) return [greeting(), position(idFor(caller, changes.lastId))]
    // An id as it is is for those who may know all: others could find out by guessing how far the count has come.
    const seen = unsealed(lastEventId) ?? (caller.mayKnowAll ? lastEventId : '')
    const missed = changes.since(seen)
    if ('gap' in missed) return [greeting(), resetFrame(idFor(caller, changes.lastId), missed)]
    return framesOf(missed.changes, { caller, wants })
  }

  #begin(): void {
    this.#unsubscribe = this.#deps.changes.subscribe((change) => this.#changed(change))
    this.#arm()
  }

  #closedBy(open: Open): void {
    this.#open.delete(open)
    this.#deps.metrics.eventStreams(-1)
    if (this.#open.size > 0) return
    this.#unsubscribe?.()
    this.#heartbeat?.cancel()
  }

  #changed(change: Change): void {
    const frame = new SharedFrame(change.id, (id) => changeFrame(id, change))
    let isWanted = false
    for (const { stream, wants, caller } of this.#open) {
      if (!wants(change.name)) continue
      isWanted = true
      stream.push(frame.for(caller))
    }
    if (!isWanted || this.#flushing) return
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
    const alive = new SharedFrame(this.#deps.changes.lastId, heartbeat)
    for (const open of this.#open) {
      if (open.stream.isIdle) open.stream.push(alive.for(open.caller))
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
function* framesOf(
  changes: readonly Change[],
  { caller, wants }: Pick<Listening, 'caller' | 'wants'>,
): Generator<string> {
  yield greeting()
  for (const change of changes) {
    if (wants(change.name)) yield changeFrame(idFor(caller, change.id), change)
  }
}
