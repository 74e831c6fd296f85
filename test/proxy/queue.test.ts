/** How many requests the application has at once, and who waits. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import fc from '../support/property.ts'
import { settle } from '../support/virtual-clock.ts'
import { configOf, limitOf, type ProxyOptions, type StartedProxy, startProxy } from './support/proxy.ts'
import { connectTo, type RawClient } from './support/raw-client.ts'
import { type RawUpstream, startRawUpstream } from './support/upstream.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
}

interface Scene extends StartedProxy {
  readonly upstream: RawUpstream
  /** The paths that the application was asked for and has not answered, in order. */
  readonly open: Map<string, Socket>
  /** Paths in the order in which they came. */
  readonly order: string[]
  ask(path: string): Promise<RawClient>
  /** Resolves when the application has been asked for so many in all. */
  asked(count: number): Promise<void>
  queued(count: number): Promise<void>
  answer(path: string): void
}

async function scene(
  t: Test,
  concurrency: ProxyOptions['concurrency'],
  more: Partial<ProxyOptions> = {},
): Promise<Scene> {
  const open = new Map<string, Socket>()
  const order: string[] = []
  const upstream = await startRawUpstream(t, (socket, head) => {
    const path = /^\S+ (\S+)/.exec(head)?.[1] ?? ''
    order.push(path)
    open.set(path, socket)
  })
  const started = await startProxy(t, {
    upstream: upstream.origin,
    ...(concurrency && { concurrency }),
    ...more,
  })
  return {
    ...started,
    upstream,
    open,
    order,
    async ask(path) {
      const client = await connectTo(t, started.port)
      client.send(get(path))
      return client
    },
    async asked(count) {
      while (order.length < count) await settle()
    },
    async queued(count) {
      while (started.observed.readGauges().queueDepth !== count) await settle()
    },
    answer(path) {
      open.get(path)?.write(ok)
      open.delete(path)
    },
  }
}

const oneAtATime = { max: 1, queue: 2, queueTimeout: 1_000 }

t.test('no more than the cap are asked at once, and who waits is asked in turn', async (t) => {
  const { ask, asked, queued, answer, order, observed } = await scene(t, oneAtATime)
  const first = await ask('/1')
  await asked(1)
  const second = await ask('/2')
  await queued(1)
  const third = await ask('/3')
  await queued(2)
  t.equal(observed.readGauges().inFlight, 3)
  t.same(order, ['/1'])
  answer('/1')
  t.equal((await first.response()).status, 200)
  await asked(2)
  t.same(order, ['/1', '/2'])
  answer('/2')
  t.equal((await second.response()).status, 200)
  await asked(3)
  answer('/3')
  t.equal((await third.response()).status, 200)
  t.same(observed.readGauges(), { inFlight: 0, queueDepth: 0, limitKeys: [] })
})

t.test('beyond the queue the answer is 503 with Retry-After, at once', async (t) => {
  const { ask, asked, queued } = await scene(t, oneAtATime)
  await ask('/1')
  await asked(1)
  await ask('/2')
  await queued(1)
  await ask('/3')
  await queued(2)
  const refused = await ask('/4')
  const answer = await refused.response()
  t.equal(answer.status, 503)
  t.equal(answer.header('sidekeep-error'), 'SIDEKEEP_PROXY_BUSY')
  t.equal(answer.header('retry-after'), '1')
  t.equal(answer.header('content-type'), 'application/problem+json')
  t.ok(answer.header('x-request-id'))
  refused.send(get('/5'))
  t.equal((await refused.response()).status, 503, 'the connection goes on')
})

t.test('who has waited for queueTimeout is answered 503, and not a moment before', async (t) => {
  const { ask, asked, queued, clock, order, observed } = await scene(t, oneAtATime)
  await ask('/1')
  await asked(1)
  const late = await ask('/2')
  await queued(1)
  await clock.advance(999)
  t.equal(observed.readGauges().queueDepth, 1)
  await clock.advance(1)
  const answer = await late.response()
  t.equal(answer.status, 503)
  t.equal(answer.header('retry-after'), '1')
  t.same(order, ['/1'])
  t.equal(observed.readGauges().queueDepth, 0)
})

for (const [way, leave] of Object.entries({
  'a FIN': (socket: Socket) => socket.end(),
  'a reset': (socket: Socket) => socket.resetAndDestroy(),
})) {
  t.test(`a client that leaves the queue with ${way} makes room in it, and is never asked for`, async (t) => {
    const { ask, asked, queued, answer, order, observed } = await scene(t, oneAtATime)
    await ask('/1')
    await asked(1)
    const leaving = await ask('/2')
    await queued(1)
    await ask('/3')
    await queued(2)
    leave(leaving.socket)
    await observed.over(1)
    t.match(observed.answers, [{ status: 499 }])
    await ask('/4')
    await queued(2)
    answer('/1')
    await asked(2)
    answer('/3')
    await asked(3)
    t.same(order, ['/1', '/3', '/4'])
  })
}

t.test('nobody overtakes who waits', async (t) => {
  const { ask, asked, queued, answer, order } = await scene(t, { max: 1, queue: 8, queueTimeout: 1_000 })
  const first = await ask('/1')
  await asked(1)
  await ask('/2')
  await queued(1)
  answer('/1')
  // On the connection that has just been answered: it could not be earlier.
  first.send(get('/3'))
  await asked(2)
  await queued(1)
  answer('/2')
  await asked(3)
  t.same(order, ['/1', '/2', '/3'])
})

t.test('exempt paths neither wait nor take a place', async (t) => {
  const { ask, asked, queued, answer } = await scene(t, oneAtATime, { exempt: ['/healthz'] })
  await ask('/1')
  await asked(1)
  await ask('/2')
  await queued(1)
  const exempt = await ask('/healthz')
  await asked(2)
  answer('/healthz')
  t.equal((await exempt.response()).status, 200)
  answer('/1')
  await asked(3)
})

t.test('a request that a limit refuses neither waits nor takes a place', async (t) => {
  const { ask, asked, observed } = await scene(t, oneAtATime, { limits: [limitOf({ burst: 1 })] })
  await ask('/1')
  await asked(1)
  const refused = await ask('/2')
  t.equal((await refused.response()).status, 429)
  t.equal(observed.readGauges().queueDepth, 0)
})

t.test('a cap of 0 is none', async (t) => {
  const { ask, asked } = await scene(t, { max: 0, queue: 0, queueTimeout: 1_000 })
  for (let at = 0; at < 20; at += 1) await ask(`/${at}`)
  await asked(20)
  t.pass('all were asked at once')
})

t.test('a higher cap lets in at once who waits, a lower one sends nobody away', async (t) => {
  const { ask, asked, queued, answer, proxy, upstream, order, observed } = await scene(t, oneAtATime)
  await ask('/1')
  await asked(1)
  await ask('/2')
  await queued(1)
  await ask('/3')
  await queued(2)
  const change = async (max: number, queue: number): Promise<void> => {
    const next = configOf({ upstream: upstream.origin, concurrency: { max, queue, queueTimeout: 1_000 } })
    const prepared = await proxy.prepare(next)
    prepared.commit()
  }
  await change(3, 2)
  await asked(3)
  t.same(order, ['/1', '/2', '/3'])
  await change(1, 2)
  await ask('/4')
  await queued(1)
  answer('/1')
  answer('/2')
  await observed.over(2)
  t.equal(observed.readGauges().queueDepth, 1, 'one is still under way')
  answer('/3')
  await asked(4)
  t.equal(order.at(-1), '/4')
})

/** How a request may end, and whether the application has to be asked for it. */
const endings = {
  async answered(scene, client, path) {
    scene.answer(path)
    await client.response()
  },
  async 'answered, and the connection closed'(scene, client, path) {
    scene.open.get(path)?.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok')
    await client.response()
  },
  async 'left while it was asked'(_scene, client) {
    client.socket.resetAndDestroy()
  },
  async 'left in the middle of the answer'(scene, client, path) {
    scene.open.get(path)?.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    await client.until('half')
    client.socket.destroy()
  },
  async 'dropped by the application'(scene, client, path) {
    // On a connection that was idle it is asked twice.
    while (client.pending === '') {
      scene.open.get(path)?.resetAndDestroy()
      await settle()
    }
    await client.response()
  },
  async 'cut by the application'(scene, client, path) {
    scene.open.get(path)?.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    await client.until('half')
    scene.open.get(path)?.resetAndDestroy()
    await client.ended
  },
  async 'answered with nonsense'(scene, client, path) {
    scene.open.get(path)?.write('nonsense\r\n\r\n')
    await client.response()
  },
  async 'too slow'(scene, client) {
    await scene.clock.advance(5_000)
    await client.response()
  },
  async 'followed by what is no HTTP'(scene, client, path) {
    client.send('BROKEN\r\n\r\n')
    scene.answer(path)
    await client.response()
    await client.ended
  },
} satisfies Record<string, (scene: Scene, client: RawClient, path: string) => Promise<void>>

t.test('however requests end, their places are given back', async (t) => {
  const max = 2
  const world = await scene(t, { max, queue: 0, queueTimeout: 1_000 }, { timeouts: { request: 5_000 } })
  let number = 0
  let over = 0
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom(...Object.values(endings)), { minLength: 1, maxLength: 4 }),
    async (all) => {
      for (const end of all) {
        number += 1
        const path = `/${number}`
        const client = await world.ask(path)
        while (!world.open.has(path)) await settle()
        await end(world, client, path)
        over += 1
        await world.observed.over(over)
        client.socket.destroy()
      }
      const { inFlight, queueDepth } = world.observed.readGauges()
      if (inFlight !== 0 || queueDepth !== 0)
        throw new Error(`${inFlight} in flight, ${queueDepth} in the queue`)
      // All places are there, and no more.
      const clients: RawClient[] = []
      for (let at = 0; at < max; at += 1) {
        number += 1
        clients.push(await world.ask(`/${number}`))
        while (!world.open.has(`/${number}`)) await settle()
      }
      const refused = await world.ask('/refused')
      if ((await refused.response()).status !== 503) throw new Error('there is a place too many')
      refused.socket.destroy()
      for (const client of clients) client.socket.destroy()
      over += max + 1
      await world.observed.over(over)
    },
  )
  await fc.assert(property, { numRuns: 40 })
  t.equal(world.observed.readGauges().inFlight, 0)
})

t.test('a connection that is closed gives back the places of all that came on it', async (t) => {
  const world = await scene(t, { max: 1, queue: 8, queueTimeout: 1_000 })
  const client = await world.ask('/1')
  client.send(get('/2') + get('/3'))
  await world.asked(1)
  const [application] = world.upstream.sockets
  client.socket.destroy()
  if (application !== undefined) await once(application, 'close')
  const next = await world.ask('/4')
  await world.asked(2)
  world.answer('/4')
  t.equal((await next.response()).status, 200)
  t.same(world.order, ['/1', '/4'])
})
