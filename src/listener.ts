import { lstat, stat, unlink } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Listen } from './config/listen.ts'
import { CodedError } from './errors.ts'

export interface ListenOptions {
  /** What the listener is called in the configuration: `api`, `ops` or `proxy`. */
  readonly name: string
  readonly listen: Listen
  /** Permissions of a Unix socket. */
  readonly socketMode?: number
}

/**
 * Opens a listener. A socket that a killed process left behind is replaced, one that somebody answers on is not.
 *
 * @returns the address that was bound, with the real port where the configuration left it open
 * @throws SIDEKEEP_LISTEN_FAILED, which names the listener, the address and what to do
 */
export async function openListener(app: FastifyInstance, options: ListenOptions): Promise<Listen> {
  const { name, listen, socketMode = 0o660 } = options
  try {
    if (listen.kind === 'unix') await listenOnSocket(app, listen.path, socketMode)
    else await app.listen({ host: listen.host, port: listen.port, listenTextResolver: () => '' })
  } catch (error) {
    const { what, remedy } = explain(await codeOf(error, listen), name)
    throw new CodedError('SIDEKEEP_LISTEN_FAILED', [name, describeListen(listen), what, remedy], {
      cause: error,
    })
  }
  if (listen.kind === 'unix') return listen
  const { port } = app.server.address() as AddressInfo
  return { ...listen, port }
}

async function listenOnSocket(app: FastifyInstance, path: string, mode: number): Promise<void> {
  if (await isLeftBehind(path)) await unlink(path)
  // The mode must be right from the first moment: between creation and a chmod anybody could connect.
  const before = process.umask(0o777 & ~mode)
  try {
    await app.listen({ path, listenTextResolver: () => '' })
  } finally {
    process.umask(before)
  }
}

/** Whether there is a socket at the path that nobody listens on. */
async function isLeftBehind(path: string): Promise<boolean> {
  // Connecting to a plain file is refused as well, and a plain file is nobody's to delete.
  const stats = await lstat(path).catch(() => undefined)
  if (stats?.isSocket() !== true) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path)
  socket.once('connect', () => {
    socket.destroy()
    resolve(false)
  })
  socket.once('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED'))
  return await promise
}

/** The address as a client would write it. */
export function describeListen(listen: Listen): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`
  return `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
}

const explanations: Record<string, { what: string; remedy: (name: string) => string }> = {
  EADDRINUSE: {
    what: 'something else listens there already',
    remedy: (name) => `End it, or choose another address with ${name}.listen.`,
  },
  EACCES: {
    what: 'the process may not',
    remedy: (name) =>
      `Choose a port above 1023, or a socket in a folder that is writable, with ${name}.listen.`,
  },
  EADDRNOTAVAIL: {
    what: 'the machine has no such address',
    remedy: (name) => `Choose an address of this machine with ${name}.listen.`,
  },
  ENOENT: {
    what: 'the folder of the socket does not exist',
    remedy: (name) => `Create it, or choose another path with ${name}.listen.`,
  },
  ENOTSOCK: {
    what: 'a file that is no socket lies there',
    remedy: (name) => `Remove it, or choose another path with ${name}.listen.`,
  },
}

/** libuv says EACCES where a socket's folder does not exist, and EADDRINUSE whatever lies at its path. */
async function codeOf(error: unknown, listen: Listen): Promise<string> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  if (listen.kind === 'unix' && code === 'EACCES') {
    return (await exists(dirname(listen.path))) ? code : 'ENOENT'
  }
  if (listen.kind === 'unix' && code === 'EADDRINUSE') {
    const stats = await lstat(listen.path).catch(() => undefined)
    return stats?.isSocket() === false ? 'ENOTSOCK' : code
  }
  return code
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
}

function explain(code: string, name: string): { what: string; remedy: string } {
  const known = explanations[code]
  if (known === undefined) return { what: code, remedy: `Check ${name}.listen.` }
  return { what: `${known.what} (${code})`, remedy: known.remedy(name) }
}
