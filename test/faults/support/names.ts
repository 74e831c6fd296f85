import dns from 'node:dns'
import { isIP } from 'node:net'
import type { Test } from 'tap'

/** Where names under `.test` lead, as a resolver would say; `node:net` asks for them in the usual way. */
export interface Names {
  /** From now on the name leads to this IPv4 address. */
  set(name: string, address: string): void
  /** From now on the name cannot be resolved. */
  remove(name: string): void
}

type Done = (error: NodeJS.ErrnoException | null, address?: unknown, family?: number) => void

/**
 * Stands in for `dns.lookup` of this process until the test ends. Everything from there on is real: which address is
 * connected to, and what becomes of the connections that are open when a name leads elsewhere.
 */
export function nameServer(t: Test): Names {
  const addresses = new Map<string, string>()
  const original = dns.lookup
  const lookup = (hostname: string, options: dns.LookupOptions | Done, callback?: Done): void => {
    const done = typeof options === 'function' ? options : callback
    const all = typeof options === 'object' && options.all === true
    const address = isIP(hostname) === 4 ? hostname : addresses.get(hostname)
    process.nextTick(() => {
      if (address === undefined) {
        const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`)
        done?.(Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname }))
      } else if (all) done?.(null, [{ address, family: 4 }])
      else done?.(null, address, 4)
    })
  }
  Object.assign(dns, { lookup })
  t.teardown(() => Object.assign(dns, { lookup: original }))
  return {
    set: (name, address) => void addresses.set(name, address),
    remove: (name) => void addresses.delete(name),
  }
}
