import { lstat } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { isLoopback, type Listen } from '../config/listen.ts'
import { CodedError } from '../errors.ts'
import { groupId, userId } from './accounts.ts'
import { backlog } from './backlog.ts'
import { CannotListen, systemCode } from './cannot-listen.ts'
import { limitHops } from './hop-limit.ts'
import { readyFolder } from './socket-folder.ts'
import { listenOnSocket, type Permissions, type UnixSocket } from './unix-socket.ts'

/** Who may connect to a Unix socket, as the configuration says it. */
export interface SocketRules {
  readonly mode: number
  /** By name or number; undefined: the user and the group of the process. */
  readonly owner: string | undefined
  readonly group: string | undefined
  /** Whether its folder may be one that others write to; undefined: the folder is not looked at. */
  readonly sharedFolder: boolean | undefined
}

/** A place to listen, as the configuration has it. */
export interface ListenerPlace {
  /** What the listener is called in the configuration: `api`, `api.listeners[0]`, `ops` or `proxy`. */
  readonly name: string
  readonly listen: Listen
  /** Undefined: mode 0660, and the folder is not looked at. */
  readonly socket?: SocketRules
  /** Whether what is sent on loopback is to stay on this machine, as far as the system lets us. */
  readonly staysHere?: boolean
  readonly protocol?: Protocol
}

/** What is spoken at a place. `mutual`: HTTPS, with client certificates. Without a word it is `http`. */
export type Protocol = 'http' | 'https' | 'mutual'

/** The part of the log that is used here. */
export interface ListenerLog {
  warn(details: object, message: string): void
  debug(details: object, message: string): void
}

/** What has been opened. */
export interface Opened {
  /** The address that was bound, with the real port where the configuration left it open. */
  readonly bound: Listen
  readonly socket: UnixSocket | undefined
}

const usualSocket: SocketRules = { mode: 0o660, owner: undefined, group: undefined, sharedFolder: undefined }

/**
 * Opens a listener. A socket that a killed process left behind is replaced, one that somebody answers on is not.
 *
 * @throws SIDEKEEP_LISTEN_FAILED, which names the listener, the address and what to do
 */
export async function openListener(
  app: FastifyInstance,
  place: ListenerPlace,
  log: ListenerLog,
): Promise<Opened> {
  const { name, listen } = place
  return await explained(place, async () => {
    if (listen.kind === 'unix') {
      const rules = place.socket ?? usualSocket
      const permissions = await permissionsOf(name, rules)
      await checkFolder(name, listen.path, rules, permissions, log)
      return { bound: listen, socket: await listenOnSocket(app, listen.path, permissions) }
    }
    await app.listen({ host: listen.host, port: listen.port, backlog, listenTextResolver: () => '' })
    if (place.staysHere && isLoopback(listen)) {
      const reason = limitHops(app.server, listen.host)
      if (reason !== undefined) log.debug({ listener: name, reason }, 'the hop limit stays as it is')
    }
    const { port } = app.server.address() as AddressInfo
    return { bound: { ...listen, port }, socket: undefined }
  })
}

/**
 * Changes who may connect to a socket that is open.
 *
 * @throws SIDEKEEP_LISTEN_FAILED; then some of it may be changed already
 */
export async function permit(socket: UnixSocket, place: ListenerPlace): Promise<void> {
  await explained(place, async () => {
    await socket.permit(await permissionsOf(place.name, place.socket ?? usualSocket))
  })
}

/** The address as a client would write it. */
export function describeListen(listen: Listen, protocol: Protocol = 'http'): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return `${protocol === 'http' ? 'http' : 'https'}://${host}:${listen.port}`
}

/** How the options of a socket are called: those of the main listener say whose they are. */
function option(name: string, which: 'mode' | 'owner' | 'group'): string {
  return name === 'api' ? `api.socket${which[0]?.toUpperCase()}${which.slice(1)}` : `${name}.${which}`
}

async function permissionsOf(name: string, { mode, owner, group }: SocketRules): Promise<Permissions> {
  const uid = owner === undefined ? undefined : await userId(owner)
  if (owner !== undefined && uid === undefined) throw unknownAccount('user', owner, option(name, 'owner'))
  const gid = group === undefined ? undefined : await groupId(group)
  if (group !== undefined && gid === undefined) throw unknownAccount('group', group, option(name, 'group'))
  return { mode, uid, gid }
}

function unknownAccount(kind: 'user' | 'group', account: string, option: string): CannotListen {
  const file = kind === 'user' ? '/etc/passwd' : '/etc/group'
  return new CannotListen(
    `there is no ${kind} ${account} here`,
    `Name one of ${file}, or give its number, with ${option}.`,
  )
}

async function checkFolder(
  name: string,
  path: string,
  { mode, sharedFolder }: SocketRules,
  { uid, gid }: Permissions,
  log: ListenerLog,
): Promise<void> {
  if (sharedFolder === undefined) return
  const warning = await readyFolder(dirname(path), {
    shared: sharedFolder,
    option: 'api.allowSharedDirectory',
    mode,
    gid,
    isGivenAway: uid !== undefined && uid !== process.geteuid?.(),
  })
  if (warning !== undefined) log.warn({ listener: name }, `${name}.listen: ${warning}`)
}

async function explained<T>({ name, listen, protocol }: ListenerPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { what, remedy } = await explanationOf(error, name, listen)
    const address = describeListen(listen, protocol)
    throw new CodedError('SIDEKEEP_LISTEN_FAILED', [name, address, what, remedy], { cause: error })
  }
}

interface Explanation {
  readonly what: string
  readonly remedy: string
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
    what: 'the folder of the socket does not exist, nor does the one above it',
    remedy: (name) => `Create it, or choose another path with ${name}.listen.`,
  },
  ENOTDIR: {
    what: 'what should be the folder of the socket is none',
    remedy: (name) => `Choose another path with ${name}.listen.`,
  },
  ENOTSOCK: {
    what: 'a file that is no socket lies there',
    remedy: (name) => `Remove it, or choose another path with ${name}.listen.`,
  },
  EROFS: {
    what: 'its folder is on a file system that is mounted read-only',
    remedy: (name) => `Mount it writable for the sidecar, or choose another path with ${name}.listen.`,
  },
  EPERM: {
    what: 'the process may not give the socket to that user or group',
    remedy: (name) =>
      `Run the sidecar as a member of the group, or with the capability CHOWN, or change ${option(name, 'owner')} and ${option(name, 'group')}.`,
  },
}

async function explanationOf(error: unknown, name: string, listen: Listen): Promise<Explanation> {
  if (error instanceof CannotListen) return error
  const code = await codeOf(error, listen)
  const known = explanations[code]
  if (known === undefined) return { what: code, remedy: `Check ${name}.listen.` }
  return { what: `${known.what} (${code})`, remedy: known.remedy(name) }
}

/** That something lies at the path of a socket says nothing of what it is. */
async function codeOf(error: unknown, listen: Listen): Promise<string> {
  const code = systemCode(error) ?? 'unknown error'
  if (listen.kind !== 'unix' || code !== 'EEXIST') return code
  const found = await lstat(listen.path).catch(() => undefined)
  return found?.isSocket() === false ? 'ENOTSOCK' : 'EADDRINUSE'
}
