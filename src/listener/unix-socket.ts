import { lstatSync, type Stats, unlinkSync } from 'node:fs'
import { link, lstat, rename, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { backlog } from './backlog.ts'
import { CannotListen, systemCode } from './cannot-listen.ts'
import { HeldFile } from './held-file.ts'
import { inPrivateFolder } from './private-folder.ts'

/** Who may connect, in numbers. */
export interface Permissions {
  readonly mode: number
  /** Undefined: as the system makes it, the user and the group of the process. */
  readonly uid: number | undefined
  readonly gid: number | undefined
}

/** What a file is, whatever lies at its path later. */
type Identity = Pick<Stats, 'dev' | 'ino'>

/**
 * A Unix socket that this process listens on. It is known by what it is and not by its path: somebody else may have put
 * another there.
 */
export class UnixSocket {
  readonly path: string
  readonly #made: Stats

  /** @param made what it is, and whose the system made it */
  constructor(path: string, made: Stats) {
    this.path = path
    this.#made = made
  }

  /**
   * Changes who may connect.
   *
   * @throws CannotListen where another socket has taken its place
   */
  async permit(permissions: Permissions): Promise<void> {
    await inPrivateFolder(dirname(this.path), async (inside) => {
      await link(this.path, inside)
      await using file = await HeldFile.at(inside)
      if (!isSame(await file.stat(), this.#made))
        throw new CannotListen(replaced, 'Find out by whom, and restart the sidecar.')
      await regroup(file, permissions, this.#made)
      await giveAway(file, permissions, this.#made)
    })
  }

  /**
   * Removes it where it is still the one at its path. At once: it is the last thing before nobody listens on it. Where
   * that cannot be done it is left behind, as by a process that was killed, and the next start replaces it.
   */
  remove(): void {
    try {
      if (isSame(lstatSync(this.path), this.#made)) unlinkSync(this.path)
    } catch {
      // Most likely it is gone already.
    }
  }
}

const replaced = 'something else has taken the place of the socket at its path'

/**
 * Listens on a Unix socket. It is made in a folder that nobody else can look into and appears at its path, in one step
 * that replaces nothing, when its mode and group are right: at no moment can anybody connect who may not. Nor does the
 * end of the server remove anything but this very socket, as it would if its path were what libuv had bound.
 *
 * @throws CannotListen, or the system's error; the server may listen all the same, and is to be closed
 */
export async function listenOnSocket(
  app: FastifyInstance,
  path: string,
  permissions: Permissions,
): Promise<UnixSocket> {
  await removeLeftBehind(path)
  return await inPrivateFolder(dirname(path), async (inside) => {
    await app.listen({ path: inside, backlog, listenTextResolver: () => '' })
    await using file = await HeldFile.at(inside)
    const made = await file.stat()
    if (!made.isSocket()) throw new CannotListen(replaced, 'Find out by whom, and start again.')
    const socket = new UnixSocket(path, made)
    removeAtClose(app, socket)
    await regroup(file, permissions, made)
    await appear(inside, path)
    try {
      await giveAway(file, permissions, made)
      const found = await lstat(path)
      if (!isSame(found, made)) throw new CannotListen(replaced, 'Find out by whom, and start again.')
    } catch (error) {
      socket.remove()
      throw error
    }
    return socket
  })
}

/** The last thing before nobody listens any more, so that whoever still finds the socket is still answered. */
function removeAtClose(app: FastifyInstance, socket: UnixSocket): void {
  const { server } = app
  const close = server.close
  server.close = (callback) => {
    socket.remove()
    return close.call(server, callback)
  }
}

/** The group and the mode, in this order: else the mode would let in the wrong group. */
async function regroup(file: HeldFile, { mode, gid }: Permissions, made: Stats): Promise<void> {
  const { gid: current } = await file.stat()
  const wanted = gid ?? made.gid
  if (wanted !== current) await file.chown(-1, wanted)
  await file.chmod(mode)
}

/** Last of all: what is no longer ours, we may not change any more. */
async function giveAway(file: HeldFile, { uid }: Permissions, made: Stats): Promise<void> {
  const { uid: current } = await file.stat()
  const wanted = uid ?? made.uid
  if (wanted !== current) await file.chown(wanted, -1)
}

const withoutLinks = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

/** Gives the socket its path, where nothing lies there. */
async function appear(inside: string, path: string): Promise<void> {
  try {
    await link(inside, path)
  } catch (error) {
    // Some file systems know no second name of a file. There, two who do this in the same instant are not told apart.
    if (!withoutLinks.has(systemCode(error) ?? '')) throw error
    if ((await lstat(path).catch(() => undefined)) !== undefined) throw occupied()
    await rename(inside, path)
  }
}

function occupied(): Error {
  return Object.assign(new Error('something lies at the path'), { code: 'EEXIST' })
}

/** Removes a socket that nobody listens on. Anything else is nobody's to delete: a file, a link, a socket that answers. */
async function removeLeftBehind(path: string): Promise<void> {
  const before = await lstat(path).catch(() => undefined)
  if (before?.isSocket() !== true || !(await isRefused(path))) return
  const now = await lstat(path).catch(() => undefined)
  // Another sidecar may have put its own there meanwhile.
  if (now !== undefined && isSame(now, before)) await unlink(path)
}

async function isRefused(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path)
  socket.once('connect', () => {
    socket.destroy()
    resolve(false)
  })
  socket.once('error', (error) => resolve(systemCode(error) === 'ECONNREFUSED'))
  return await promise
}

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino
}
