import type { FastifyInstance } from 'fastify'
import type { Listen } from '../config/listen.ts'
import { overlaps } from '../config/listen.ts'
import type { Config, ProxyConfig } from '../config/schema.ts'
import { CodedError } from '../errors.ts'
import { describeListen } from '../listener.ts'
import type { Logger } from '../observability/log.ts'
import type { ListenerPlace, Served } from './listener.ts'
import { Listener } from './listener.ts'
import type { Prepared } from './prepared.ts'

/** The proxy, which can go on behind the same address with another configuration. */
export interface ServedProxy extends Served {
  prepare(config: ProxyConfig): Prepared
}

/** How the servers are made. */
export interface Makers {
  api(): Served
  ops(): Served
  proxy(config: ProxyConfig): Promise<ServedProxy>
}

/** Where the listeners are bound, once they are. */
export interface Addresses {
  readonly api: string
  readonly ops?: string
  readonly proxy?: string
}

/** The listeners of a configuration that are there. */
interface Doors {
  readonly api: Listener<Served>
  readonly ops: Listener<Served> | undefined
  readonly proxy: Listener<ServedProxy> | undefined
}

/** All listeners: which there are, where they are bound, and how they change and end. */
export class Listeners {
  readonly #make: Makers
  readonly #log: Logger
  #doors: Doors
  /** Those that were replaced or removed and are being left by their callers. */
  readonly #leaving = new Set<Promise<void>>()

  /**
   * Makes the servers of a configuration and opens none.
   *
   * @param proxyServer the proxy's, where the configuration has one
   */
  constructor(config: Config, proxyServer: ServedProxy | undefined, make: Makers, log: Logger) {
    const { api, ops, proxy } = placesOf(config)
    this.#make = make
    this.#log = log
    this.#doors = {
      api: new Listener(make.api(), api),
      ops: ops && new Listener(make.ops(), ops),
      proxy: proxy && proxyServer && new Listener(proxyServer, proxy),
    }
  }

  /** The servers that answer for the sidecar itself rather than for the application. */
  get ownApps(): readonly FastifyInstance[] {
    const { api, ops } = this.#doors
    return ops === undefined ? [api.server.app] : [api.server.app, ops.server.app]
  }

  /** Whether callers of the api are answered. */
  get apiIsOpen(): boolean {
    return this.#doors.api.bound !== undefined
  }

  /** Whether all listeners of the configuration are open. */
  get areUp(): boolean {
    return this.#present().every(({ bound }) => bound !== undefined)
  }

  /** Undefined before the api is open. */
  get addresses(): Addresses | undefined {
    const { api, ops, proxy } = this.#doors
    if (api.bound === undefined) return undefined
    return {
      api: describeListen(api.bound),
      ...(ops?.bound && { ops: describeListen(ops.bound) }),
      ...(proxy?.bound && { proxy: describeListen(proxy.bound) }),
    }
  }

  /**
   * Opens api and ops.
   *
   * @throws SIDEKEEP_LISTEN_FAILED
   */
  async open(): Promise<void> {
    await this.#doors.api.open()
    await this.#doors.ops?.open()
  }

  /**
   * Opens the proxy, where there is one and it is not open yet.
   *
   * @throws SIDEKEEP_LISTEN_FAILED
   */
  async openProxy(): Promise<void> {
    const { proxy } = this.#doors
    if (proxy !== undefined && proxy.bound === undefined) await proxy.open()
  }

  /**
   * Makes ready to listen where another configuration says: what it adds or moves is open already, what it removes is
   * open still. Addresses that stay keep their connections.
   *
   * @param opensProxy whether a proxy that is added or moved is to be opened: false before the sidecar is ready
   * @param withinMs how long requests under way to the application may take on a proxy that is removed or moved
   * @throws SIDEKEEP_LISTEN_FAILED; whatever was opened is closed again
   */
  async prepare(
    config: Config,
    { opensProxy, withinMs }: { readonly opensProxy: boolean; readonly withinMs: number },
  ): Promise<Prepared> {
    await using undo = new AsyncDisposableStack()
    const places = placesOf(config)
    const { proxy: proxyConfig } = config
    const [before, make] = [this.#doors, this.#make]
    const after: Doors = {
      api: await this.#moved(before.api, places.api, () => make.api(), undo),
      ops: places.ops && (await this.#moved(before.ops, places.ops, () => make.ops(), undo)),
      proxy:
        proxyConfig &&
        places.proxy &&
        (await this.#moved(before.proxy, places.proxy, () => make.proxy(proxyConfig), undo, opensProxy)),
    }
    let behindSameAddress: Prepared | undefined
    if (proxyConfig !== undefined && before.proxy !== undefined && after.proxy === before.proxy) {
      behindSameAddress = before.proxy.server.prepare(proxyConfig)
      const { abandon } = behindSameAddress
      undo.defer(abandon)
    }
    const undone = undo.move()
    return {
      commit: () => {
        this.#doors = after
        behindSameAddress?.commit()
        if (after.api !== before.api) this.#leave(before.api)
        if (before.ops !== undefined && after.ops !== before.ops) this.#leave(before.ops)
        if (before.proxy !== undefined && after.proxy !== before.proxy) this.#leave(before.proxy, withinMs)
      },
      abandon: () => undone.disposeAsync(),
    }
  }

  /** Lets no more requests to the application in and waits for those under way, `withinMs` milliseconds at the most. */
  async closeProxy(withinMs?: number): Promise<void> {
    await this.#doors.proxy?.close(withinMs)
  }

  closeApi(): Promise<void> {
    return this.#doors.api.close()
  }

  async closeOps(): Promise<void> {
    await this.#doors.ops?.close()
  }

  /** Resolves when nobody is left on a listener that was replaced or removed. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving)
  }

  #present(): Listener<Served>[] {
    const { api, ops, proxy } = this.#doors
    return [api, ops, proxy].filter((listener) => listener !== undefined)
  }

  /** The listener at its place: the one that is there, or another that takes over. */
  async #moved<T extends Served>(
    current: Listener<T> | undefined,
    place: ListenerPlace,
    make: () => T | Promise<T>,
    undo: AsyncDisposableStack,
    opens = true,
  ): Promise<Listener<T>> {
    if (current?.isAt(place.listen)) {
      const { socketMode } = current.place
      await current.allow(place.socketMode)
      undo.defer(() => current.allow(socketMode))
      return current
    }
    this.#refuseOwn(place)
    const listener = new Listener(await make(), place)
    undo.defer(() => listener.close(0))
    if (opens) await listener.open()
    return listener
  }

  /** What is being given up is open until the change is done: nothing else can listen there before. */
  #refuseOwn({ name, listen }: ListenerPlace): void {
    for (const { place, bound } of this.#present()) {
      if (bound === undefined || !overlaps(bound, listen)) continue
      const what = `the sidecar itself listens there until the change is done (${place.name}.listen)`
      const remedy = 'Choose a free address, or restart the sidecar.'
      throw new CodedError('SIDEKEEP_LISTEN_FAILED', [name, describeListen(listen), what, remedy])
    }
  }

  #leave(listener: Listener<Served>, withinMs?: number): void {
    const { name } = listener.place
    const left = listener
      .close(withinMs)
      .catch((err: unknown) => this.#log.warn({ listener: name, err }, 'listener did not close in order'))
      .then(() => {
        this.#leaving.delete(left)
      })
    this.#leaving.add(left)
  }
}

function placesOf({ api, ops, proxy }: Config): {
  readonly api: ListenerPlace
  readonly ops: ListenerPlace | undefined
  readonly proxy: ListenerPlace | undefined
} {
  const at = (name: string, listen: Listen): ListenerPlace => ({ name, listen })
  return {
    api: { ...at('api', api.listen), socketMode: api.socketMode },
    ops: ops && at('ops', ops.listen),
    proxy: proxy && at('proxy', proxy.listen),
  }
}
