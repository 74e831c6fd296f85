import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * Ports of 127.0.0.1 on which nobody listens, for what has to come back at the same place. All are held until the last is
 * found, so that they differ.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  const ports: number[] = []
  for (const server of servers) {
    if (!server.listening) await once(server, 'listening')
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}
