import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Test } from 'tap'

/** A port of 127.0.0.1 that something else listens on, until the test ends. */
export async function takenPort(t: Test): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
