import type { VaultProviderConfig } from '../../config/schema.ts'
import type { Clock } from '../../secrets/provider.ts'
import { isJsonObject } from '../shared/json.ts'
import type { Authorized } from './authorized.ts'
import { failureOf, missing, unavailable } from './failure.ts'
import { Probes } from './probes.ts'

/** Milliseconds for which a mount is taken to be what it was found to be: an engine can be upgraded, or replaced. */
const remembered = 60 * 60_000
/** And for which a path that is not there is not blamed on a mount that has changed, where it was never read. */
const surelyCurrent = 60_000
/** Milliseconds for which metadata that was denied is not asked for again. */
const denialHolds = 10 * 60_000

/** An engine, where a path leads to. */
export class Mount {
  /** With a slash at its end. */
  readonly path: string
  /** The version of a KV engine; undefined for any other. */
  readonly kv: 1 | 2 | undefined
  #foundAt: number
  #metadataDeniedUntil = Number.NEGATIVE_INFINITY

  constructor(path: string, kv: 1 | 2 | undefined, foundAt: number) {
    this.path = path
    this.kv = kv
    this.#foundAt = foundAt
  }

  /** When it was last found to be this, on the monotonic clock. */
  get foundAt(): number {
    return this.#foundAt
  }

  found(now: number): void {
    this.#foundAt = now
  }

  /** What of a path follows the mount. */
  below(path: string): string {
    return path.slice(this.path.length)
  }

  mayReadMetadata(now: number): boolean {
    return now >= this.#metadataDeniedUntil
  }

  metadataDenied(now: number): void {
    this.#metadataDeniedUntil = now + denialHolds
  }

  isSameAs({ path, kv }: Mount): boolean {
    return this.path === path && this.kv === kv
  }
}

/** Which engine a path leads to. The server is asked once for each mount; what could not be found out is not guessed. */
export class Mounts {
  readonly #authorized: Authorized
  readonly #clock: Clock
  readonly #kvVersion: VaultProviderConfig['kvVersion']
  /** A mount of a configured version is one that was read: whoever asks may name any number of others. */
  readonly #known = new Map<string, Mount>()
  /** The paths of mounts below which something was read. */
  readonly #read = new Set<string>()
  readonly #probes: Probes

  constructor(authorized: Authorized, clock: Clock, kvVersion: VaultProviderConfig['kvVersion']) {
    this.#authorized = authorized
    this.#clock = clock
    this.#kvVersion = kvVersion
    this.#probes = new Probes((path) => this.#probe(path), authorized.client)
  }

  /** Rejects with a ProviderError. */
  async of(path: string, signal: AbortSignal): Promise<Mount> {
    const first = path.slice(0, path.indexOf('/') + 1)
    const known = this.#find(path)
    if (known !== undefined) return known
    if (this.#kvVersion !== 'auto') this.#refuseTokens(path)
    if (this.#kvVersion !== 'auto') return new Mount(first, this.#kvVersion, this.#clock.now())
    // Others below the same first segment may well ask for the same mount.
    const probing = this.#probes.underWay(first, signal)
    if (probing === undefined) return this.#learn(await this.#probes.make(first, path, signal))
    await probing
    return await this.of(path, signal)
  }

  /** Something was read below it. */
  wasRead(mount: Mount): void {
    this.#read.add(mount.path)
    if (this.#kvVersion !== 'auto' && !this.#known.has(mount.path)) this.#learn(mount)
  }

  /**
   * The path is not there: another mount where that has changed since it was found out, else undefined.
   *
   * @param isSurelyOther whether the server has said that the mount is not what it is taken for
   */
  async changed(
    mount: Mount,
    path: string,
    isSurelyOther: boolean,
    signal: AbortSignal,
  ): Promise<Mount | undefined> {
    if (this.#kvVersion !== 'auto') return undefined
    const isSurelyCurrent = this.#clock.now() - mount.foundAt < surelyCurrent && !this.#read.has(mount.path)
    if (isSurelyCurrent && !isSurelyOther) return undefined
    const now = await this.#probes.makeAnew(mount.path, path, signal)
    if (now.isSameAs(mount)) {
      mount.found(now.foundAt)
      return undefined
    }
    if (this.#known.get(mount.path) === mount) this.#known.delete(mount.path)
    return this.#learn(now)
  }

  /**
   * The mounts that the token has a right to something in; undefined where none can be named, as the server is not
   * asked and the folder has no first segment. Rejects with a ProviderError.
   */
  async all(folder: string, signal: AbortSignal): Promise<Mount[] | undefined> {
    if (this.#kvVersion !== 'auto') return folder === '' ? undefined : [await this.of(folder, signal)]
    const asked = { path: 'sys/internal/ui/mounts', capabilities: ['read'] }
    const { reply } = await this.#authorized.ask(asked, signal)
    if (reply.status !== 200) throw failureOf(reply)
    const mounts = reply.envelope?.data?.secret
    if (!isJsonObject(mounts)) throw unavailable(reply.place, 'malformed', 'the answer tells of no mounts.')
    return Object.entries(mounts).flatMap(([path, mount]) =>
      isJsonObject(mount) && path.endsWith('/') ? [new Mount(path, versionOf(mount), this.#clock.now())] : [],
    )
  }

  /** No mount lies within another. */
  #find(path: string): Mount | undefined {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const mount = this.#known.get(path.slice(0, slash + 1))
      if (mount === undefined) continue
      if (this.#kvVersion !== 'auto' || this.#clock.now() - mount.foundAt < remembered) return mount
      this.#known.delete(mount.path)
      return undefined
    }
    return undefined
  }

  #learn(mount: Mount): Mount {
    this.#known.set(mount.path, mount)
    return mount
  }

  /** Where the server is not asked what lies there, a namespace before it does not hide what answers with the token. */
  #refuseTokens(path: string): void {
    if (!/(?:^|\/)auth\/token(?:\/|$)/.test(path)) return
    const place = this.#authorized.client.place({ path })
    throw missing(place, 'what lies below auth/token/ is read only where requests names it.')
  }

  async #probe(path: string): Promise<Mount> {
    const asked = {
      path: `sys/internal/ui/mounts/${path.replace(/\/$/, '')}`,
      capabilities: ['read'],
      whenDenied: `nothing is mounted there, or the token has no right to anything below the mount. Check the path and the namespace, and give its policy the right to read it.`,
    }
    const { reply } = await this.#authorized.ask(asked, this.#probes.signal)
    if (reply.status !== 200) throw failureOf(reply)
    const data = reply.envelope?.data
    if (data === undefined || typeof data.path !== 'string' || typeof data.type !== 'string') {
      throw unavailable(reply.place, 'malformed', 'the answer tells of no mount.')
    }
    const at = data.path.endsWith('/') ? data.path : `${data.path}/`
    const isOfTokens = /^(?:ns_)?(?:token|system)$/.test(data.type)
    if (isOfTokens || !`${path}/`.startsWith(at)) {
      throw missing(
        reply.place,
        'it is no secrets engine. What lies there is read only where requests names it.',
      )
    }
    return new Mount(at, versionOf(data), this.#clock.now())
  }
}

function versionOf({ type, options }: Record<string, unknown>): 1 | 2 | undefined {
  if (type !== 'kv' && type !== 'generic') return undefined
  return isJsonObject(options) && options.version === '2' ? 2 : 1
}
