import { existsSync, type Stats } from 'node:fs'
import { chmod, chown, constants, type FileHandle, lchown, lstat, open } from 'node:fs/promises'

/** Linux's O_PATH (open(2)): a descriptor that stands for a file without opening it, which a socket cannot be. */
const onlyPlace = 0o10000000
const descriptors = '/proc/self/fd'

/**
 * A file that stays the same one whatever is put at its path meanwhile. Its mode and owner are changed through a
 * descriptor: by the path, a link that somebody slips in would lead a sidecar that runs as root to any other file.
 *
 * Where there are no such descriptors (other systems than Linux, no /proc) it goes by the path, and follows links only
 * for the mode.
 */
export class HeldFile implements AsyncDisposable {
  readonly #handle: FileHandle | undefined
  readonly #path: string

  /** @throws where there is nothing; a link is not followed */
  static async at(path: string): Promise<HeldFile> {
    if (process.platform !== 'linux' || !existsSync(descriptors)) return new HeldFile(path)
    return new HeldFile(path, await open(path, onlyPlace | constants.O_NOFOLLOW))
  }

  private constructor(path: string, handle?: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  async stat(): Promise<Stats> {
    return await (this.#handle?.stat() ?? lstat(this.#path))
  }

  async chmod(mode: number): Promise<void> {
    await chmod(this.#place, mode)
  }

  /** @param uid of the owner, or -1: as it is; `gid` likewise */
  async chown(uid: number, gid: number): Promise<void> {
    if (this.#handle === undefined) await lchown(this.#path, uid, gid)
    else await chown(this.#place, uid, gid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close()
  }

  get #place(): string {
    return this.#handle === undefined ? this.#path : `${descriptors}/${this.#handle.fd}`
  }
}
