import type { FastifyInstance } from 'fastify'
import { isEqual } from '../config/equal.ts'
import { formatListen, type Listen } from '../config/listen.ts'
import type { ListenerLog, ListenerPlace, Opened } from '../listener/open.ts'
import { describeListen, openListener, permit } from '../listener/open.ts'
import type { Prepared } from './prepared.ts'

/** How a server is closed. */
export interface Closing {
  /** For a server whose answers may never end: milliseconds after which they are cut. */
  readonly withinMs?: number
  /** For one that others lead clients to: milliseconds for which it still takes newcomers, until they have noticed. */
  readonly noticeMs?: number
}

/** A server that is opened once and closed once. */
export interface Served {
  readonly app: FastifyInstance
  /** Answers what was let in. */
  close(closing?: Closing): Promise<void>
}

/** A server and the place where it listens, or will. */
export class Listener<T extends Served> {
  readonly server: T
  readonly #log: ListenerLog
  #place: ListenerPlace
  #opened: Opened | undefined

  constructor(server: T, place: ListenerPlace, log: ListenerLog) {
    this.server = server
    this.#place = place
    this.#log = log
  }

  get place(): ListenerPlace {
    return this.#place
  }

  /** Where it is open, with the real port; undefined where it is not. */
  get bound(): Listen | undefined {
    return this.#opened?.bound
  }

  /** Where it is open, as a client would write it. */
  get address(): string | undefined {
    return this.bound && describeListen(this.bound, this.#place.protocol)
  }

  /** Whether the configuration's place is this one: the same address, the same protocol. */
  isAt({ listen, protocol }: ListenerPlace): boolean {
    return formatListen(this.#place.listen) === formatListen(listen) && this.#place.protocol === protocol
  }

  /** @throws SIDEKEEP_LISTEN_FAILED */
  async open(): Promise<void> {
    this.#opened = await openListener(this.server.app, this.#place, this.#log)
  }

  /**
   * Changes who may connect to a Unix socket; of a TCP address it changes nothing. Until it is committed it can be taken
   * back.
   *
   * @throws SIDEKEEP_LISTEN_FAILED; then it is as it was, as far as the system let it be
   */
  async prepare(place: ListenerPlace): Promise<Prepared> {
    const [before, socket] = [this.#place, this.#opened?.socket]
    const isOther = socket !== undefined && !isEqual(before.socket, place.socket)
    const takeBack = async (): Promise<void> => {
      if (isOther) await permit(socket, before)
    }
    if (isOther) {
      try {
        await permit(socket, place)
      } catch (error) {
        await takeBack().catch(() => {})
        throw error
      }
    }
    return {
      commit: () => {
        this.#place = place
      },
      abandon: takeBack,
    }
  }

  async close(closing?: Closing): Promise<void> {
    await this.server.close(closing)
  }
}
