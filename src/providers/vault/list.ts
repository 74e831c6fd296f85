import { inParallel } from '../shared/parallel.ts'
import type { Authorized } from './authorized.ts'
import { failureOf, unavailable } from './failure.ts'
import type { Mount, Mounts } from './mounts.ts'
import { parseKey } from './path.ts'

/** How many folders are listed at a time. */
const atOnce = 4
/** Folders for each secret that may be found: a tree of nothing but folders ends too. */
const foldersEach = 4

export interface ListOptions {
  readonly authorized: Authorized
  readonly mounts: Mounts
  readonly maxSecrets: number
  readonly warn: (message: string) => void
}

/** The keys below a prefix, of KV engines of either version: no other engine has a list of what could be read. */
export class List {
  readonly #options: ListOptions
  readonly #warned = new Set<string>()

  constructor(options: ListOptions) {
    this.#options = options
  }

  /** Rejects with a ProviderError where not all of it could be had. */
  async keys(patterns: readonly string[], signal: AbortSignal): Promise<string[]> {
    const walk = new Walk(this.#options, signal)
    for (const prefix of new Set(patterns.map((pattern) => pattern.replace(/\*.*$/s, '')))) {
      // Nothing that can be asked for begins like this, so there is nothing to be found.
      if (prefix.includes('/') && 'refused' in parseKey(`${prefix}x`)) continue
      for (const { mount, folder } of await this.#begins(prefix, signal))
        await walk.below(mount, folder, prefix)
    }
    if (walk.strange > 0) {
      this.#warn(`${walk.strange} names of the server cannot be keys here, and are left out of its list.`)
    }
    return [...walk.found]
  }

  /** The folders that together hold all that begins with the prefix. */
  async #begins(prefix: string, signal: AbortSignal): Promise<{ mount: Mount; folder: string }[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    const all = await this.#options.mounts.all(folder, signal)
    if (all === undefined) {
      this.#warn(
        `the pattern ${JSON.stringify(`${prefix}*`)} names no mount, and nothing is discovered for it.`,
      )
      return []
    }
    const fitting = all.filter(({ path }) => folder.startsWith(path) || path.startsWith(prefix))
    return fitting
      .filter(({ kv }) => kv !== undefined)
      .map((mount) => ({ mount, folder: folder.startsWith(mount.path) ? folder : mount.path }))
  }

  /** What is found at each list is told once. */
  #warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#options.warn(message)
  }
}

/** One walk through folders, level by level. */
class Walk {
  readonly found = new Set<string>()
  /** How many names there were that cannot be keys. */
  strange = 0
  readonly #options: ListOptions
  readonly #signal: AbortSignal
  readonly #seen = new Set<string>()

  constructor(options: ListOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  async below(mount: Mount, folder: string, prefix: string): Promise<void> {
    for (let level = [folder]; level.length > 0; ) {
      const next: string[] = []
      await inParallel(level, atOnce, async (each) => {
        if (this.#seen.has(each)) return
        this.#seen.add(each)
        for (const name of await this.#list(mount, each)) this.#take(each + name, prefix, next)
      })
      level = next
    }
  }

  #take(path: string, prefix: string, folders: string[]): void {
    const isFolder = path.endsWith('/')
    // A folder on the way to the prefix does not begin with it.
    if (!path.startsWith(prefix) && !(isFolder && prefix.startsWith(path))) return
    if ('refused' in parseKey(isFolder ? `${path}x` : path) || path.includes('?')) {
      this.strange++
      return
    }
    if (isFolder) folders.push(path)
    else this.found.add(path)
    const { maxSecrets } = this.#options
    if (this.found.size > maxSecrets || this.#seen.size + folders.length > maxSecrets * foldersEach) {
      const words = `there are more than ${maxSecrets} secrets below ${JSON.stringify(prefix)}, or too many folders. Use a narrower pattern, or raise maxSecrets.`
      throw unavailable(this.#options.authorized.client.place({ path: prefix }), 'oversized', words)
    }
  }

  async #list(mount: Mount, folder: string): Promise<readonly string[]> {
    const path = `${mount.path}${mount.kv === 2 ? 'metadata/' : ''}${mount.below(folder)}`
    const asked = { path, right: `${path}*`, query: 'list=true', capabilities: ['list'] }
    const { reply } = await this.#options.authorized.ask(asked, this.#signal)
    // An empty folder, which is one that is not there.
    if (reply.isNothing) return []
    if (reply.status !== 200) throw failureOf(reply)
    const keys = reply.envelope?.data?.keys
    if (!Array.isArray(keys)) throw unavailable(reply.place, 'malformed', 'the answer is no list of keys.')
    return keys.filter((name) => typeof name === 'string' && name !== '')
  }
}
