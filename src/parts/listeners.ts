import type { FastifyInstance } from 'fastify'
import type { Config, ProxyConfig } from '../config/schema.ts'
import type { ListenerPlace } from '../listener/open.ts'
import type { Logger } from '../observability/log.ts'
import type { Door } from './doors.ts'
import type { Closing, Served } from './listener.ts'
import { Listener } from './listener.ts'
import { pairsOf, placesOf, refuseOwn } from './places.ts'
import type { Prepared } from './prepared.ts'
import type { ServedApi } from './served-api.ts'
import { mayTakeOver, type ServedProxy } from './served-proxy.ts'

/** How the servers are made. */
export interface Makers {
  /** @throws SIDEKEEP_CERTIFICATE_INVALID */
  api(door: Door): Promise<ServedApi>
  ops(): Served
  /** @throws SIDEKEEP_CERTIFICATE_INVALID */
  proxy(config: ProxyConfig): Promise<ServedProxy>
}

/** Where the listeners are bound, once they are. */
export interface Addresses {
  readonly api: string
  /** The further ones of the API, in the order of the configuration. */
  readonly listeners?: readonly string[]
  readonly ops?: string
  readonly proxy?: string
}

/** The listeners of a configuration that are there. */
interface Doors {
  /** The main one first. */
  readonly api: readonly Listener<ServedApi>[]
  readonly ops: Listener<Served> | undefined
  readonly proxy: Listener<ServedProxy> | undefined
}

/** All listeners: which there are, where they are bound, and how they change and end. */
export class Listeners {
  readonly #make: Makers
  readonly #log: Logger
  #doors: Doors = { api: [], ops: undefined, proxy: undefined }
  /** Those that were replaced or removed and are being left by their callers. */
  readonly #leaving = new Set<Promise<void>>()

  constructor(make: Makers, log: Logger) {
    this.#make = make
    this.#log = log
  }

  /**
   * Makes the servers of a configuration and opens none. To be called once, before anything else.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  async create(config: Config): Promise<void> {
    await using undo = new AsyncDisposableStack()
    const { api, ops, proxy } = placesOf(config)
    const [make, log] = [this.#make, this.#log]
    const made = <T extends Served>(place: ListenerPlace, server: T): Listener<T> => {
      const listener = new Listener(server, place, log)
      undo.defer(() => listener.close({ withinMs: 0 }))
      return listener
    }
    const apis: Listener<ServedApi>[] = []
    for (const door of api) apis.push(made(door.place, await make.api(door)))
    this.#doors = {
      api: apis,
      ops: ops && made(ops, make.ops()),
      proxy: proxy && config.proxy && made(proxy, await make.proxy(config.proxy)),
    }
    undo.move()
  }

  /** The servers that answer for the sidecar itself rather than for the application. */
  get ownApps(): readonly FastifyInstance[] {
    const { api, ops } = this.#doors
    return [...api, ops].filter((listener) => listener !== undefined).map(({ server }) => server.app)
  }

  /** Whether callers of the api are answered. */
  get apiIsOpen(): boolean {
    const { api } = this.#doors
    return api.length > 0 && api.every(({ bound }) => bound !== undefined)
  }

  /** Whether all listeners of the configuration are open. */
  get areUp(): boolean {
    return this.apiIsOpen && this.#present().every(({ bound }) => bound !== undefined)
  }

  /** Undefined before the api is open. */
  get addresses(): Addresses | undefined {
    const { api, ops, proxy } = this.#doors
    const [main, ...further] = api.map(({ address }) => address)
    const listeners = further.filter((address) => address !== undefined)
    if (main === undefined || listeners.length < further.length) return undefined
    return {
      api: main,
      ...(listeners.length > 0 && { listeners }),
      ...(ops?.address && { ops: ops.address }),
      ...(proxy?.address && { proxy: proxy.address }),
    }
  }

  /**
   * Opens those of the api, and ops.
   *
   * @throws SIDEKEEP_LISTEN_FAILED
   */
  async open(): Promise<void> {
    for (const listener of this.#doors.api) await listener.open()
    await this.#doors.ops?.open()
  }

  /**
   * Opens the proxy, where there is one and it is not open yet.
   *
   * @returns false where it has to stay closed, since its certificate is not there or unfit
   * @throws SIDEKEEP_LISTEN_FAILED
   */
  async openProxy(): Promise<boolean> {
    const { proxy } = this.#doors
    if (proxy === undefined || proxy.bound !== undefined) return true
    if (!(await proxy.server.fit())) return false
    await proxy.open()
    return true
  }

  /**
   * Makes ready to listen where another configuration says: what it adds or moves is open already, what it removes is
   * open still. Addresses that stay keep their connections.
   *
   * @param opensProxy whether a proxy that is added or moved is to be opened: false before the sidecar is ready
   * @param withinMs how long requests under way to the application may take on a proxy that is removed or moved
   * @throws SIDEKEEP_LISTEN_FAILED, SIDEKEEP_CERTIFICATE_INVALID; whatever was opened is closed again
   */
  async prepare(
    config: Config,
    { opensProxy, withinMs }: { readonly opensProxy: boolean; readonly withinMs: number },
  ): Promise<Prepared> {
    await using undo = new AsyncDisposableStack()
    const places = placesOf(config)
    const { proxy: proxyConfig } = config
    const [before, make] = [this.#doors, this.#make]
    const changes: Prepared[] = []
    const change = (prepared: Prepared): void => {
      undo.defer(() => prepared.abandon())
      changes.push(prepared)
    }
    const pairs = pairsOf(before.api, places.api)
    const api: Listener<ServedApi>[] = []
    for (const { door, current } of pairs) {
      api.push(current ?? (await this.#opened(door.place, () => make.api(door), undo)))
      if (current !== undefined) change(await current.server.prepare(door))
    }
    const after: Doors = {
      api,
      ops: places.ops && (await this.#moved(before.ops, places.ops, () => make.ops(), undo)),
      proxy:
        proxyConfig &&
        places.proxy &&
        (await this.#moved(
          before.proxy,
          places.proxy,
          () => make.proxy(proxyConfig),
          undo,
          async (server) => opensProxy && (await mayTakeOver(before.proxy, server)),
        )),
    }
    if (proxyConfig !== undefined && before.proxy !== undefined && after.proxy === before.proxy) {
      change(await before.proxy.server.prepare(proxyConfig))
    }
    // Last, since it is seen at once: whoever is to be let in no more, or now, is so with the rest of the change.
    for (const { door, current } of pairs) {
      if (current !== undefined) change(await current.prepare(door.place))
    }
    const undone = undo.move()
    return {
      commit: () => {
        this.#doors = after
        for (const { commit } of changes) commit()
        for (const listener of before.api) if (!api.includes(listener)) this.#leave(listener)
        if (before.ops !== undefined && after.ops !== before.ops) this.#leave(before.ops)
        if (before.proxy !== undefined && after.proxy !== before.proxy)
          this.#leave(before.proxy, { withinMs })
      },
      abandon: () => undone.disposeAsync(),
    }
  }

  /** Lets no more requests to the application in and waits for those under way. */
  async closeProxy(closing?: Closing): Promise<void> {
    await this.#doors.proxy?.close(closing)
  }

  /** Closes all of the api at the same time. */
  async closeApi(): Promise<void> {
    await Promise.all(this.#doors.api.map((listener) => listener.close()))
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
    return [...api, ops, proxy].filter((listener) => listener !== undefined)
  }

  /** The listener at its place: the one that is there, or another that takes over. */
  async #moved<T extends Served>(
    current: Listener<T> | undefined,
    place: ListenerPlace,
    make: () => T | Promise<T>,
    undo: AsyncDisposableStack,
    opens: (server: T) => boolean | Promise<boolean> = () => true,
  ): Promise<Listener<T>> {
    if (current?.isAt(place)) return current
    return await this.#opened(place, make, undo, opens)
  }

  async #opened<T extends Served>(
    place: ListenerPlace,
    make: () => T | Promise<T>,
    undo: AsyncDisposableStack,
    opens: (server: T) => boolean | Promise<boolean> = () => true,
  ): Promise<Listener<T>> {
    refuseOwn(this.#present(), place)
    const listener = new Listener(await make(), place, this.#log)
    undo.defer(() => listener.close({ withinMs: 0 }))
    if (await opens(listener.server)) await listener.open()
    return listener
  }

  #leave(listener: Listener<Served>, closing?: Closing): void {
    const { name } = listener.place
    const left = listener
      .close(closing)
      .catch((err: unknown) => this.#log.warn({ listener: name, err }, 'listener did not close in order'))
      .then(() => {
        this.#leaving.delete(left)
      })
    this.#leaving.add(left)
  }
}
