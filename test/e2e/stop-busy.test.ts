/** How a listener ends on a machine that is so busy that the process, or its callers, come to run only now and then. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { Connections } from '../../src/api/connections.ts'

const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const lastAnswer = /^HTTP\/1\.1 200 OK.*Connection: close.*answered$/s
/** Longer than callers are given to come back, in milliseconds. */
const busy = 700

/** A listener, and callers whose connections have been used once. */
async function startListener(
  t: Test,
  callers: number,
): Promise<{ clients: Socket[]; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    if (connections.closing) response.setHeader('Connection', 'close')
    response.end('answered')
  })
  const connections = new Connections(server, 10)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const clients: Socket[] = []
  for (let count = 0; count < callers; count += 1) {
    const client = connect({ host: '127.0.0.1', port: address.port })
    t.teardown(() => client.destroy())
    client.write(request)
    await once(client, 'data')
    clients.push(client)
  }
  return {
    clients,
    async close() {
      await connections.close()
      server.close()
    },
  }
}

/** Keeps the process from everything else, as a machine does that has no time for it. */
function beBusy(): void {
  const until = performance.now() + busy
  while (performance.now() < until);
}

t.test('a request that arrived while the process did not run is answered before the end', async (t) => {
  const { clients, close } = await startListener(t, 1)
  const [client] = clients
  if (client === undefined) throw new Error('no client')
  const rest = buffer(client)
  client.write(request)
  const closed = close()
  // When the timers run at last, the request is still unread.
  beBusy()
  await closed
  t.match(String(await rest), lastAnswer)
})

t.test('while callers are leaving, those who are late are waited for', async (t) => {
  const { clients, close } = await startListener(t, 2)
  const [first, late] = clients
  if (first === undefined || late === undefined) throw new Error('no clients')
  const answers = Promise.all([buffer(first), buffer(late)])
  first.once('end', () => late.write(request))
  first.write(request)
  const closed = close()
  beBusy()
  await closed
  for (const answer of await answers) t.match(String(answer), lastAnswer)
})
