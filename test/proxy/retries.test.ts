/** An application that ends an idle connection just as the next request comes on it. */
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Observed, startProxy } from './support/proxy.ts'
import { connectTo, type RawClient } from './support/raw-client.ts'
import { startRawUpstream } from './support/upstream.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Scene {
  readonly client: RawClient
  readonly observed: Observed
  /** The requests that came, each with the number of its connection and its place on it. */
  readonly asked: { connection: number; place: number; head: string }[]
}

/**
 * An application that answers the first request of its first connection, which has happened when this resolves, and does
 * with all others as it is told.
 */
async function scene(
  t: Test,
  answer: (socket: Socket, place: { connection: number; place: number }) => void,
): Promise<Scene> {
  const places = new Map<Socket, { connection: number; places: number }>()
  const asked: Scene['asked'] = []
  const upstream = await startRawUpstream(t, (socket, head) => {
    const known = places.get(socket) ?? { connection: places.size + 1, places: 0 }
    known.places += 1
    places.set(socket, known)
    const place = { connection: known.connection, place: known.places }
    asked.push({ ...place, head })
    if (asked.length === 1) socket.write(ok)
    else answer(socket, place)
  })
  const { port, observed } = await startProxy(t, { upstream: upstream.origin })
  const client = await connectTo(t, port)
  client.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await client.response()).status, 200)
  return { client, observed, asked }
}

const endings = {
  'a reset': (socket: Socket) => socket.resetAndDestroy(),
  'a FIN': (socket: Socket) => socket.destroy(),
}

for (const [ending, end] of Object.entries(endings)) {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT']) {
    t.test(
      `a ${method} that meets ${ending} of an idle connection is asked once more on a fresh one`,
      async (t) => {
        const { client, asked, observed } = await scene(t, (socket, { connection }) => {
          if (connection === 1) end(socket)
          else socket.write(method === 'HEAD' ? 'HTTP/1.1 200 OK\r\n\r\n' : ok)
        })
        client.send(`${method} /second HTTP/1.1\r\nHost: a\r\nX-Mine: 1\r\n\r\n`)
        t.equal((await client.response(method === 'HEAD')).status, 200)
        t.match(asked.slice(1), [
          { connection: 1, place: 2 },
          { connection: 2, place: 1 },
        ])
        t.equal(asked[2]?.head, asked[1]?.head, 'in the same words')
        t.same(observed.failures, [])
      },
    )
  }

  for (const [name, request] of Object.entries({
    'a POST': 'POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
    'an empty POST': 'POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    'a PATCH': 'PATCH /second HTTP/1.1\r\nHost: a\r\n\r\n',
    'a GET with a body': 'GET /second HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
    'a PUT in chunks':
      'PUT /second HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
  })) {
    t.test(`${name} that meets ${ending} of an idle connection is 502, and asked once only`, async (t) => {
      const { client, asked, observed } = await scene(t, end)
      client.send(request)
      const answer = await client.response()
      t.equal(answer.status, 502)
      t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_UPSTREAM_FAILED')
      t.equal(asked.length, 2)
      t.same(observed.failures, ['reset'])
    })
  }

  t.test(`${ending} of the fresh connection too is 502, and nobody is asked a third time`, async (t) => {
    const { client, asked, observed } = await scene(t, end)
    client.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal((await client.response()).status, 502)
    t.match(asked.slice(1), [
      { connection: 1, place: 2 },
      { connection: 2, place: 1 },
    ])
    t.same(observed.failures, ['reset'])
  })

  t.test(`${ending} after an early hint is 502: the application had read the request`, async (t) => {
    const { client, asked } = await scene(t, (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', () => setImmediate(end, socket))
    })
    client.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal((await client.response()).status, 103)
    t.equal((await client.response()).status, 502)
    t.equal(asked.length, 2)
  })

  t.test(`${ending} in the middle of an answer cuts it, and nobody is asked again`, async (t) => {
    const { client, asked } = await scene(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', () => setImmediate(end, socket))
    })
    client.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('half')
    await client.ended
    t.equal(asked.length, 2)
    t.equal(client.pending, '')
  })

  t.test(`${ending} of a connection on which nothing was answered yet is 502, and asked once`, async (t) => {
    const asked: string[] = []
    const upstream = await startRawUpstream(t, (socket, head) => {
      asked.push(head)
      end(socket)
    })
    const { port } = await startProxy(t, { upstream: upstream.origin })
    const client = await connectTo(t, port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal((await client.response()).status, 502)
    t.equal(asked.length, 1)
  })
}

t.test('what is no HTTP on an idle connection is 502, and asked once', async (t) => {
  const { client, asked, observed } = await scene(t, (socket) => socket.write('nonsense\r\n\r\n'))
  client.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
  t.equal((await client.response()).status, 502)
  t.equal(asked.length, 2)
  t.same(observed.failures, ['protocol'])
})

t.test(
  'a client that leaves while its request is asked once more is gone, and nothing is left',
  async (t) => {
    const again = Promise.withResolvers<Socket>()
    const { client, observed } = await scene(t, (socket, { connection }) => {
      if (connection === 1) socket.resetAndDestroy()
      else again.resolve(socket)
    })
    client.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
    const application = await again.promise
    const closed = new Promise((resolve) => application.once('close', resolve))
    client.socket.destroy()
    await closed
    await observed.over(2)
    t.match(observed.answers[1], { status: 499 })
    t.equal(observed.readGauges().inFlight, 0)
  },
)

t.test('an upgrade that meets the end of an idle connection is asked once more', async (t) => {
  const { client, observed } = await scene(t, (socket, { connection }) => {
    if (connection === 1) socket.resetAndDestroy()
    else
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello',
      )
  })
  client.send('GET /second HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly')
  t.equal((await client.response()).status, 101)
  await client.until('hello')
  t.equal(observed.upgrades, 1)
})
