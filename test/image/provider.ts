/**
 * A provider on loopback whose values rotate: the whole list at each request, a part of it new each second.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RotatingProvider {
  readonly url: string
  /** How often the list has been fetched. */
  fetches(): number
  /** How many values have changed since the start. */
  rotations(): number
  stop(): void
}

/** Of each value, in characters. */
const length = 1024

/** @param changing - how many of the values are new each second */
export async function startRotatingProvider(count: number, changing: number): Promise<RotatingProvider> {
  const values = Array.from({ length: count }, (_, at) => rotated(at, 0))
  let fetches = 0
  let rotations = 0
  const server = createServer((_, response) => {
    fetches += 1
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(values.map((value, at) => ({ name: `secret-${at}`, value }))))
  })
  const timer = setInterval(() => {
    for (let at = 0; at < changing; at += 1, rotations += 1) {
      values[rotations % count] = rotated(rotations % count, rotations + 1)
    }
  }, 1000)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fetches: () => fetches,
    rotations: () => rotations,
    stop: () => {
      clearInterval(timer)
      server.closeAllConnections()
      server.close()
    },
  }
}

function rotated(at: number, version: number): string {
  return `${at}-${version}-`.padEnd(length, 'abcdefghijklmnop')
}
