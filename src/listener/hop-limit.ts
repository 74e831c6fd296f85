import type { Server } from 'node:net'
import { endianness } from 'node:os'

/** Linux's numbers (`<netinet/in.h>`, `<linux/in6.h>`): those of other systems differ. */
const options = { ip: { level: 0, name: 2 }, ipv6: { level: 41, name: 16 } } as const

type SetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: number) => number

/**
 * Gives what a listener on loopback sends a hop limit of 1 (IP_TTL, ip(7); IPV6_UNICAST_HOPS, ipv6(7)). Accepted
 * connections inherit it. Answers that a rule of the network leads out of the pod (a DNAT to 127.0.0.1 with
 * `route_localnet`, say) then end at the first router, and no connection from there comes about.
 *
 * Node has no call for it; where it can call the C library (`node:ffi`, from 26 on) that is called.
 *
 * @returns why it was left as it is; undefined where it was set
 */
export function limitHops(server: Server, host: string, load = loadSetSockOpt): string | undefined {
  try {
    if (process.platform !== 'linux') return `not known for ${process.platform}`
    const fd = descriptorOf(server)
    if (fd === undefined) return 'the socket has no descriptor'
    const setSockOpt = load()
    if (setSockOpt === undefined) return 'this Node cannot call the C library'
    const { level, name } = host.includes(':') ? options.ipv6 : options.ip
    const value = Buffer.alloc(4)
    if (endianness() === 'LE') value.writeInt32LE(1)
    else value.writeInt32BE(1)
    return setSockOpt(fd, level, name, value, value.length) === 0 ? undefined : 'the system refuses it'
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown'
  }
}

let loaded: SetSockOpt | undefined

/** Once for all listeners. The library is the one that Node itself is linked with: nothing is unloaded. */
function loadSetSockOpt(): SetSockOpt | undefined {
  loaded ??= quietly(() => process.getBuiltinModule('node:ffi'))?.dlopen(null, {
    setsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'], return: 'i32' },
  }).functions.setsockopt
  return loaded
}

/** That the module is experimental is known here, and no news to who runs the sidecar. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Node keeps it in a member that it does not document. */
function descriptorOf(server: Server): number | undefined {
  const handle: unknown = Reflect.get(server, '_handle')
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return undefined
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined
}
