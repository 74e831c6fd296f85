import { chmod } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { formatListen, type Listen } from '../config/listen.ts'
import type { ListenOptions } from '../listener.ts'
import { openListener } from '../listener.ts'

/** A server that is opened once and closed once. */
export interface Served {
  readonly app: FastifyInstance
  /** Answers what was let in; `withinMs`, in milliseconds, is for a server whose answers may never end. */
  close(options?: { readonly withinMs?: number }): Promise<void>
}

export type ListenerPlace = ListenOptions

/** A server and the place where it listens, or will. */
export class Listener<T extends Served> {
  readonly server: T
  #place: ListenerPlace
  #bound: Listen | undefined

  constructor(server: T, place: ListenerPlace) {
    this.server = server
    this.#place = place
  }

  get place(): ListenerPlace {
    return this.#place
  }

  /** Where it is open, with the real port; undefined where it is not. */
  get bound(): Listen | undefined {
    return this.#bound
  }

  /** Whether the configuration's address is this one. */
  isAt(listen: Listen): boolean {
    return formatListen(this.#place.listen) === formatListen(listen)
  }

  /** @throws SIDEKEEP_LISTEN_FAILED */
  async open(): Promise<void> {
    this.#bound = await openListener(this.server.app, this.#place)
  }

  /** Changes who may connect to a Unix socket; of a TCP address it changes nothing. */
  async allow(socketMode: number | undefined): Promise<void> {
    if (socketMode === undefined || socketMode === this.#place.socketMode) return
    if (this.#bound?.kind === 'unix') await chmod(this.#bound.path, socketMode)
    this.#place = { ...this.#place, socketMode }
  }

  async close(withinMs?: number): Promise<void> {
    await this.server.close(withinMs === undefined ? {} : { withinMs })
  }
}
