import { constants, type Dirent, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk, OpenFile } from './disk.ts'
import { codeOf } from './failure.ts'

/** Linux's O_PATH (open(2)): a descriptor that stands for a folder without reading it, which may not be allowed. */
const onlyPlace = 0o10000000
const descriptors = '/proc/self/fd'
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/**
 * A folder that stays the same one whatever is put at its path meanwhile. What is done to files in it goes through a
 * descriptor (`/proc/self/fd/N/NAME`, which is what openat(2) and its kin are for, and which Node does not have): by the
 * path, a link that another container slips in between two steps would lead a sidecar to folders that only it can reach.
 *
 * Where there are no such descriptors (other systems than Linux, no /proc) it goes by the path, and that is not defended.
 * Nor is, anywhere, what lies on the way to a folder that is opened by its path: links there are followed.
 */
export class HeldFolder implements AsyncDisposable {
  readonly #disk: Disk
  readonly #place: string
  readonly #file: OpenFile
  readonly #isReadable: boolean

  /** @param options by which a link at the path itself is followed or not */
  static async open(disk: Disk, path: string, { follow }: { readonly follow: boolean }): Promise<HeldFolder> {
    const flags = O_DIRECTORY | (follow ? 0 : O_NOFOLLOW)
    try {
      return new HeldFolder(disk, path, await disk.open(path, O_RDONLY | flags), true)
    } catch (error) {
      if (codeOf(error) !== 'EACCES' || !canHold()) throw error
      // It may be written to and not be listed.
      return new HeldFolder(disk, path, await disk.open(path, onlyPlace | flags), false)
    }
  }

  private constructor(disk: Disk, path: string, file: OpenFile, isReadable: boolean) {
    this.#disk = disk
    this.#file = file
    this.#place = canHold() ? `${descriptors}/${file.fd}` : path
    this.#isReadable = isReadable
  }

  /** For permissions and owners of the folder itself. */
  get self(): OpenFile {
    return this.#file
  }

  /** The path of what is in it, for system calls. */
  at(name: string): string {
    return join(this.#place, name)
  }

  async list(): Promise<Dirent[]> {
    return await this.#disk.list(this.at('.'))
  }

  /** A folder in it, itself and not what a link there leads to. */
  async folder(name: string): Promise<HeldFolder> {
    const path = this.at(name)
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    return new HeldFolder(this.#disk, path, await this.#disk.open(path, flags), true)
  }

  /** A file in it to read; a link is not followed, and a pipe that nobody writes to does not make us wait. */
  async file(name: string): Promise<OpenFile> {
    return await this.#disk.open(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  /** Whatever is in it by that name, itself and not what a link there leads to, without reading it. */
  async spot(name: string): Promise<OpenFile> {
    return await this.#disk.open(this.at(name), onlyPlace | O_NOFOLLOW)
  }

  /** A new file for nobody but us; fails where there is anything by that name, a link too. */
  async create(name: string): Promise<OpenFile> {
    return await this.#disk.open(this.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  }

  /** A new folder for nobody but us. */
  async createFolder(name: string): Promise<HeldFolder> {
    await this.#disk.mkdir(this.at(name), 0o700)
    return await this.folder(name)
  }

  async symlink(target: string, name: string): Promise<void> {
    await this.#disk.symlink(target, this.at(name))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#disk.rename(this.at(from), this.at(to))
  }

  async unlink(name: string): Promise<void> {
    await this.#disk.unlink(this.at(name))
  }

  async rmdir(name: string): Promise<void> {
    await this.#disk.rmdir(this.at(name))
  }

  async readlink(name: string): Promise<string> {
    return await this.#disk.readlink(this.at(name))
  }

  /**
   * Lets the names in it outlive a loss of power. Where that fails nothing is lost but time: what is there afterwards is
   * the old or the new, whole either way, and the next run writes again. So it is not worth an error.
   */
  async sync(): Promise<void> {
    if (this.#isReadable) await this.#file.sync().catch(() => {})
  }

  /** Nothing was written through it, so that a failure says nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => {})
  }
}

/** Undefined where there is nothing by that path. */
export async function openIfThere(
  ...place: Parameters<typeof HeldFolder.open>
): Promise<HeldFolder | undefined> {
  try {
    return await HeldFolder.open(...place)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function canHold(): boolean {
  return process.platform === 'linux' && existsSync(descriptors)
}
