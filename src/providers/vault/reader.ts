import { type Fetched, ProviderError, type Unchanged } from '../../secrets/provider.ts'
import type { Kv2 } from './kv2.ts'
import type { Mount, Mounts } from './mounts.ts'
import { parseKey } from './path.ts'
import type { ConfiguredRequest, Plain } from './plain.ts'

export interface ReaderOptions {
  /** The provider's name in the configuration, for messages. */
  readonly name: string
  readonly mounts: Mounts
  readonly kv2: Kv2
  readonly plain: Plain
  readonly requests: Readonly<Record<string, ConfiguredRequest>>
}

/** What a key stands for, and how to get it. */
export class Reader {
  readonly #options: ReaderOptions

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  /** Rejects with a ProviderError. */
  async fetch(key: string, held: string | undefined, signal: AbortSignal): Promise<Fetched | Unchanged> {
    const { requests, plain, mounts } = this.#options
    const request = Object.hasOwn(requests, key) ? requests[key] : undefined
    if (request !== undefined) return await plain.request(key, request, signal)

    const parsed = parseKey(key)
    if ('refused' in parsed) throw this.#missing(key, `cannot be asked for: ${parsed.refused}.`)
    const { path, version } = parsed
    const read = async (mount: Mount): Promise<Fetched | Unchanged | 'versioned' | undefined> => {
      const found = await this.#read(key, { mount, path, version, held }, signal)
      if (typeof found === 'object') mounts.wasRead(mount)
      return found
    }

    const mount = await mounts.of(path, signal)
    let found = await read(mount)
    if (typeof found === 'object') return found
    // An engine that became another one answers as if the secret were gone.
    const another = await mounts.changed(mount, path, found === 'versioned', signal)
    if (another !== undefined) found = await read(another)
    if (typeof found === 'object') return found
    if (found === 'versioned') throw this.#unlikeItsVersion(key, mount)
    throw this.#missing(key, `is not there, at the mount ${JSON.stringify(mount.path)}.${hint(mount, path)}`)
  }

  async #read(
    key: string,
    {
      mount,
      path,
      version,
      held,
    }: { mount: Mount; path: string; version: string | undefined; held: string | undefined },
    signal: AbortSignal,
  ): Promise<Fetched | Unchanged | 'versioned' | undefined> {
    const { kv2, plain } = this.#options
    const below = mount.below(path)
    if (below === '') throw this.#missing(key, 'is a mount, and no secret.')
    if (mount.kv === 2) return await kv2.fetch({ mount, path: below, version, held }, signal)
    if (version !== undefined) {
      throw this.#missing(
        key,
        `names a version, which only a KV engine of version 2 has: ${mount.path} is none.`,
      )
    }
    return await plain.fetch(key, mount, signal)
  }

  #unlikeItsVersion(key: string, mount: Mount): ProviderError {
    const words = `the key ${JSON.stringify(key)}: the server says that the engine at ${JSON.stringify(mount.path)} is of version 2. Check kvVersion.`
    return new ProviderError('unavailable', 'malformed', `provider "${this.#options.name}": ${words}`)
  }

  #missing(key: string, words: string): ProviderError {
    const place = `provider "${this.#options.name}"`
    return new ProviderError('missing', 'not-found', `${place}: the key ${JSON.stringify(key)} ${words}`)
  }
}

function hint(mount: Mount, path: string): string {
  if (mount.kv !== 2 || !mount.below(path).startsWith('data/')) return ''
  return ` A key has no data/ in it: is it ${JSON.stringify(mount.path + mount.below(path).slice('data/'.length))}?`
}
