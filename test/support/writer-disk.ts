import { type Disk, type OpenFile, systemDisk } from '../../src/files/writer/disk.ts'

/** What a step of an ended run throws: no error of the system's, so nothing is made of it. */
export class Ended extends Error {}

export interface StepOptions {
  /** Ends the run after that many steps: no further one does anything, as after a kill -9. */
  readonly endAfter?: number
  /** Lets one step fail instead of being done, counted from 1. */
  readonly fail?: { readonly at: number; readonly code: string }
  /** In place of what the system says of mounts. */
  readonly mountOf?: Disk['mountOf']
  /** Called before each step, with the name of its operation. */
  readonly before?: (operation: string) => Promise<void> | void
}

/** The real file system, step by step. Writes take two steps at least, so that a run may end between them. */
export class SteppedDisk implements AsyncDisposable {
  readonly disk: Disk
  steps = 0
  /** The operation that was let fail. */
  failed: string | undefined
  readonly #options: StepOptions
  readonly #open = new Set<OpenFile>()

  constructor(options: StepOptions = {}) {
    this.#options = options
    const step =
      <A extends unknown[], R>(name: string, work: (...args: A) => Promise<R>) =>
      (...args: A) =>
        this.#step(name, () => work(...args))
    this.disk = {
      open: step('open', async (...args: Parameters<Disk['open']>) =>
        this.#stepped(await systemDisk.open(...args)),
      ),
      lstat: step('lstat', systemDisk.lstat),
      readlink: step('readlink', systemDisk.readlink),
      list: step('list', systemDisk.list),
      mkdir: step('mkdir', systemDisk.mkdir),
      symlink: step('symlink', systemDisk.symlink),
      rename: step('rename', systemDisk.rename),
      unlink: step('unlink', systemDisk.unlink),
      rmdir: step('rmdir', systemDisk.rmdir),
      statfs: systemDisk.statfs,
      mountOf: this.#options.mountOf ?? systemDisk.mountOf,
      pause: async () => {},
    }
  }

  get hasEnded(): boolean {
    return this.steps > (this.#options.endAfter ?? Number.POSITIVE_INFINITY)
  }

  /** Closes what an ended run, or a close that was let fail, left open: the end of a process does that, too. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open) await file.close()
  }

  async #step<R>(operation: string, work: () => Promise<R>): Promise<R> {
    this.steps += 1
    if (this.hasEnded) throw new Ended()
    const { fail, before } = this.#options
    await before?.(operation)
    if (fail?.at === this.steps) {
      this.failed = operation
      const syscall = { chown: 'fchown', chmod: 'fchmod', sync: 'fsync' }[operation] ?? operation
      throw Object.assign(new Error(`${fail.code}: injected`), { code: fail.code, syscall })
    }
    return await work()
  }

  #stepped(file: OpenFile): OpenFile {
    this.#open.add(file)
    return {
      fd: file.fd,
      read: ((...args: Parameters<OpenFile['read']>) =>
        this.#step('read', () => file.read(...args))) as OpenFile['read'],
      write: ((bytes: Buffer, offset: number, length: number, position: number) =>
        this.#step('write', () =>
          file.write(bytes, offset, length > 1 ? length >> 1 : length, position),
        )) as OpenFile['write'],
      stat: ((...args: Parameters<OpenFile['stat']>) =>
        this.#step('stat', () => file.stat(...args))) as OpenFile['stat'],
      chmod: (mode) => this.#step('chmod', () => file.chmod(mode)),
      chown: (uid, gid) => this.#step('chown', () => file.chown(uid, gid)),
      sync: () => this.#step('sync', () => file.sync()),
      close: () =>
        this.#step('close', async () => {
          this.#open.delete(file)
          await file.close()
        }),
    }
  }
}
