import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Who is asking, as far as it can be known. */
export interface Client {
  /** An IP address, IPv4 where it is one mapped into IPv6; undefined on a Unix socket. */
  readonly address: string | undefined
  /** Whether what the peer itself says of the client, in its X-Forwarded headers, is believed. */
  readonly isForwarded: boolean
  /** What limits count it by. */
  readonly key: string
}

/** A peer, as it was looked at once. */
interface Peer {
  readonly address: string | undefined
  readonly isTrusted: boolean
  readonly key: string
}

/** Peers that are remembered: most send more than one request. */
const mostPeers = 10_000

/** Finds the client behind proxies that are trusted, by their addresses. */
export class ClientAddresses {
  readonly #trusted = new BlockList()
  readonly #trustsNobody: boolean
  readonly #peers = new Map<string | undefined, Peer>()

  /** @param ranges addresses (`10.1.2.3`) and ranges (`10.0.0.0/8`) */
  constructor(ranges: readonly string[]) {
    this.#trustsNobody = ranges.length === 0
    for (const range of ranges) {
      const [address = '', bits] = range.split('/')
      const family = familyOf(address)
      if (bits === undefined) this.#trusted.addAddress(address, family)
      else this.#trusted.addSubnet(address, Number(bits), family)
    }
  }

  /**
   * The peer itself, unless it is a trusted proxy: then the rightmost address of X-Forwarded-For that is not one. What
   * stands further left was written by that address and could be anything.
   *
   * @param peer the other end of the connection; undefined on a Unix socket
   */
  find(peer: string | undefined, forwardedFor: string | string[] | undefined): Client {
    const { address, isTrusted, key } = this.#peer(peer)
    if (!isTrusted || address === undefined) return { address, isForwarded: false, key }
    let client = address
    for (const entry of String(forwardedFor ?? '')
      .split(',')
      .reverse()) {
      const named = plainAddress(entry.trim())
      if (named === undefined) break
      client = named
      if (!this.#isTrusted(named)) break
    }
    return { address: client, isForwarded: true, key: addressKey(client) }
  }

  #peer(written: string | undefined): Peer {
    const known = this.#peers.get(written)
    if (known !== undefined) return known
    const address = written === undefined ? undefined : plainAddress(written)
    const isTrusted = address !== undefined && this.#isTrusted(address)
    const peer = { address, isTrusted, key: addressKey(address) }
    if (this.#peers.size >= mostPeers) this.#peers.clear()
    this.#peers.set(written, peer)
    return peer
  }

  #isTrusted(address: string): boolean {
    return !this.#trustsNobody && this.#trusted.check(address, familyOf(address))
  }
}

/**
 * What limits count a client by: its address, or for IPv6 the /64 that it lies in. That is the least that one
 * subscriber gets (RFC 6177), so whoever has one address has 2⁶⁴ of them.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined || !isIPv6(address)) return address ?? ''
  // The URL parser writes addresses in one form: lower case, no leading zeros, no dotted tail.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = new Array<string>(tail === undefined ? 0 : 8 - first.length - last.length).fill('0')
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`
}

/** Without brackets, port and zone, which some proxies write; undefined where it is no address. */
export function plainAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? text
  const [address = ''] = bare.split('%')
  if (isIPv6(address)) return mappedAddress(address) ?? address
  const withoutPort = /^([\d.]+):\d+$/.exec(text)?.[1] ?? ''
  return isIPv4(withoutPort) ? withoutPort : undefined
}

/** The IPv4 address that is mapped into an IPv6 address (RFC 4291, section 2.5.5.2), however that is written. */
function mappedAddress(address: string): string | undefined {
  const written = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(new URL(`http://[${address}]`).hostname)
  if (written === null) return undefined
  const [high, low] = [written[1], written[2]].map((part) => Number.parseInt(part ?? '', 16))
  if (high === undefined || low === undefined) return undefined
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}
